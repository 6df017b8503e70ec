#include "control/api_tokens.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>

#include "base/hexadecimal.h"
#include "base/limits.h"

namespace systole {
namespace {

constexpr std::string_view blanks = " \t\r";

std::array<unsigned char, 32> digest_of(std::string_view token) {
  std::array<unsigned char, 32> made{};
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), made.data());
  return made;
}

template <class Bytes>
std::string hex(const Bytes& bytes) {
  std::string out;
  append_hex(out, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return out;
}

std::optional<std::array<unsigned char, 32>> parse_digest(std::string_view text) {
  std::array<unsigned char, 32> made{};
  if (text.size() != 2 * made.size()) return std::nullopt;
  for (size_t at = 0; at < text.size(); ++at) {
    const char lower = text[at] >= 'A' && text[at] <= 'F' ? static_cast<char>(text[at] + 32) : text[at];
    const size_t digit = std::string_view(hex_digits).find(lower);
    if (digit == std::string_view::npos) return std::nullopt;
    made[at / 2] = static_cast<unsigned char>(made[at / 2] * 16 + digit);
  }
  return made;
}

std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

bool is_name(std::string_view text) {
  const auto plain = [](unsigned char c) { return c > 0x20 && c != 0x7f; };
  return !text.empty() && text.size() <= limits::api_name_bytes && std::all_of(text.begin(), text.end(), plain);
}

}  // namespace

std::string_view name_of(api_role role) {
  switch (role) {
    case api_role::viewer: return "viewer";
    case api_role::operator_: return "operator";
    case api_role::admin: return "admin";
  }
  return "viewer";
}

std::optional<api_role> parse_api_role(std::string_view name) {
  for (const api_role each : {api_role::viewer, api_role::operator_, api_role::admin})
    if (name_of(each) == name) return each;
  return std::nullopt;
}

result<api_tokens> api_tokens::parse(std::string_view text, const std::string& origin) {
  api_tokens made;
  size_t number = 0;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    ++number;
    const auto refuse = [&](const std::string& what) {
      return fail(error_code::invalid_argument, origin + ":" + std::to_string(number) + ": " + what);
    };
    const std::string_view role_name = next_word(line);
    if (role_name.empty() || role_name.front() == '#') continue;
    entry made_entry;
    const auto role = parse_api_role(role_name);
    if (!role) return refuse("a line begins with viewer, operator or admin");
    const auto digest = parse_digest(next_word(line));
    if (!digest)
      return refuse("the second word is a token's SHA-256, 64 hexadecimal digits; `systole token` writes such lines");
    made_entry.name = next_word(line);
    if (!is_name(made_entry.name) || !next_word(line).empty())
      return refuse("the third and last word is a name for the log");
    made_entry.role = *role;
    made_entry.digest = *digest;
    if (made.holders_.size() == limits::api_tokens)
      return refuse("more than " + std::to_string(limits::api_tokens) + " tokens");
    made.holders_.push_back(std::move(made_entry));
  }
  if (made.holders_.empty())
    return fail(error_code::invalid_argument, origin + ": no token is in it; `systole token` makes one");
  return made;
}

result<api_tokens> api_tokens::read(file_system& files, const std::string& path) {
  SYSTOLE_ASSIGN(const std::string text, files.read_all(path, limits::api_tokens_bytes));
  return parse(text, path);
}

const api_tokens::holder* api_tokens::find(std::string_view token) const {
  const auto digest = digest_of(token);
  const entry* found = nullptr;
  for (const entry& each : holders_)
    if (CRYPTO_memcmp(each.digest.data(), digest.data(), digest.size()) == 0) found = &each;
  return found;
}

result<new_api_token> make_api_token(api_role role, const std::string& name) {
  if (!is_name(name))
    return fail(error_code::invalid_argument, "a token's name has 1 to " + std::to_string(limits::api_name_bytes) +
                                                  " characters and no blanks: " + name);
  std::array<unsigned char, 32> random{};
  if (RAND_bytes(random.data(), random.size()) != 1) return fail(error_code::internal, "no random bits can be had");
  new_api_token made;
  made.token = "systole_" + hex(random);
  made.line = std::string(name_of(role)) + " " + hex(digest_of(made.token)) + " " + name;
  return made;
}

}  // namespace systole
