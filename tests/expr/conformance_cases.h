#pragma once

#include <string>
#include <vector>

#include "tests/expr/table_text.h"

namespace systole::test {

/// One expression over all rows of its table.
struct conformance_case {
  size_t line = 0;
  std::string sql;
  std::string deviation;  ///< the outcome that may stand instead of PostgreSQL's; empty for none
  size_t table = 0;
};
struct conformance_file {
  std::string name;
  std::vector<text_table> tables;
  std::vector<conformance_case> cases;
};

/// Reads NAME.cases (the format is explained in conformance/README.md).
conformance_file read_cases(const std::string& path);
/// Reads NAME.expected: the recorded outcomes by case and row.
std::vector<std::vector<outcome>> read_expected(const std::string& path, const conformance_file& cases);

}  // namespace systole::test
