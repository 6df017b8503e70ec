#pragma once

#include <vector>

#include "connectors/factory.h"
#include "data/type.h"
#include "formats/record_decoder.h"
#include "proto/plan.pb.h"

namespace systole {

data_type column_type(const proto::DataType& type);
std::vector<decoder_column> decoder_columns(const proto::Source& source);
decoder_options options_of(const proto::Source& source, size_t capacity);
/// A decoder of the source's format.
result<std::unique_ptr<record_decoder>> make_decoder(const proto::Source& source, size_t capacity);

}  // namespace systole
