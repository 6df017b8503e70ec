#pragma once

#include "base/result.h"
#include "connectors/generator/patient_flow_generator.h"
#include "proto/plan.pb.h"

namespace systole {

/// A generator source's settings (see generator_source.h), read from their text.
struct generator_settings {
  patient_flow_options options;
  double rate = 0;   ///< events per second of the clock; 0 = no limit
  double speed = 0;  ///< virtual seconds per second of the clock; 0 = no limit
};

/// `invalid_argument`, naming the setting, where one is unknown or malformed.
result<generator_settings> read_generator_settings(const google::protobuf::Map<std::string, std::string>& settings);

}  // namespace systole
