#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "expr/expression.h"
#include "plan/yaml_node.h"
#include "proto/plan.pb.h"

namespace systole {

/// The job's parameters with their values: from the command line, the environment (`fromEnv` only) or the default.
class job_parameters {
 public:
  struct parameter {
    std::string name;
    data_type type;
    std::optional<std::string> written;  ///< as given: what ${param.NAME} becomes
    std::optional<std::string> sql;      ///< SQL text form: what param('NAME') reads
  };
  using environment = std::function<std::optional<std::string>(const std::string&)>;

  /// `declared`: the checked spec.parameters, may be null. `given`: the command line's.
  void load(const yaml_node* declared, const std::map<std::string, std::string>& given, const environment& variables,
            diagnostics& problems);

  const parameter* find(std::string_view name) const;
  std::vector<std::string> names() const;
  const parameter_map& values() const { return values_; }
  const std::vector<parameter>& all() const { return all_; }

  /// Replaces each ${param.NAME} in a scalar.
  void substitute(yaml_node& scalar, diagnostics& problems) const;

 private:
  std::vector<parameter> all_;
  parameter_map values_;
};

}  // namespace systole
