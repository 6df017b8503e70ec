#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace systole {

/// A certificate authority in a directory, for clusters that have no other: ca.pem and ca.key, and NAME.pem and
/// NAME.key for each process. P-256 and SHA-256; keys are readable for their owner only. Failures name the file.
class test_authority {
 public:
  /// Takes the authority that is in the directory, or makes one.
  static result<test_authority> open(const std::string& directory, uint32_t valid_days);

  /// Writes a certificate for a process that is reached as `hosts`, names or addresses. It serves as a server's and as
  /// a client's. Files that are there stay, and are a failure.
  result<void> issue(const std::string& name, const std::vector<std::string>& hosts, uint32_t valid_days) const;
  bool is_new() const { return is_new_; }

 private:
  std::string directory_;
  bool is_new_ = false;
};

}  // namespace systole
