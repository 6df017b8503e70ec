#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace systole {

/// A client's side of SCRAM (RFC 5802, RFC 7677) without channel binding: both sides show that they know the password, and
/// neither tells it. One exchange, no I/O.
class scram_exchange {
 public:
  enum class hash { sha256, sha512 };
  /// `nonce`: printable, not used before.
  scram_exchange(hash by, const std::string& user, std::string password, std::string nonce);

  std::string first() const { return "n,," + first_bare_; }
  /// To the server's first message. `invalid_argument` where it is none, or asks for more than a million rounds.
  result<std::string> answer(std::string_view server_first);
  /// The server's last message: `invalid_argument` where it does not know the password either.
  result<void> check(std::string_view server_last) const;

 private:
  std::string hmac(std::string_view key, std::string_view text) const;
  std::string digest(std::string_view text) const;

  hash by_;
  std::string password_, nonce_, first_bare_, server_signature_;
};

/// 24 random bytes in base64.
std::string scram_nonce();

}  // namespace systole
