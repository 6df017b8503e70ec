#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"

namespace systole {

/// What a token allows; each role also what those before it do.
enum class api_role : unsigned char {
  viewer,     ///< to read
  operator_,  ///< to submit jobs and control them
  admin,      ///< to remove jobs and their state
};
std::string_view name_of(api_role role);
std::optional<api_role> parse_api_role(std::string_view name);

/// Who may use the API. A file of lines `ROLE SHA256 NAME`: the SHA-256 of a token in hexadecimal, and a name for the
/// log. Empty lines and those that begin with # say nothing. The file does not tell the tokens themselves.
class api_tokens {
 public:
  struct holder {
    api_role role = api_role::viewer;
    std::string name;
  };
  static result<api_tokens> read(file_system& files, const std::string& path);
  /// `origin` is what errors call the text.
  static result<api_tokens> parse(std::string_view text, const std::string& origin);

  /// Whose token it is. Takes the same time for each wrong token.
  const holder* find(std::string_view token) const;
  size_t size() const { return holders_.size(); }

 private:
  struct entry : holder {
    std::array<unsigned char, 32> digest{};
  };
  std::vector<entry> holders_;
};

/// A new token, 256 random bits, and the line of the file that lets it in.
struct new_api_token {
  std::string token;
  std::string line;
};
/// `invalid_argument` for a name with blanks or control characters in it.
result<new_api_token> make_api_token(api_role role, const std::string& name);

}  // namespace systole
