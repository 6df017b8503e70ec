#include "kafka/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <charconv>

namespace systole {
namespace {

constexpr int most_rounds = 1'000'000;
constexpr std::string_view header_in_base64 = "biws";  ///< of "n,,"

const EVP_MD* algorithm(scram_exchange::hash by) { return by == scram_exchange::hash::sha256 ? EVP_sha256() : EVP_sha512(); }

std::string to_base64(std::string_view bytes) {
  std::string made(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(made.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  made.resize(static_cast<size_t>(size));
  return made;
}

/// Empty where it is no base64.
std::string from_base64(std::string_view text) {
  std::string made(3 * (text.size() / 4), '\0');
  if (text.size() % 4 != 0 || text.empty()) return {};
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(made.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return {};
  made.resize(static_cast<size_t>(size) - static_cast<size_t>(std::count(text.end() - 2, text.end(), '=')));
  return made;
}

/// The value of `name=` in a message of values with commas between them.
std::string_view value_of(std::string_view message, char name) {
  while (!message.empty()) {
    const std::string_view part = message.substr(0, message.find(','));
    if (part.size() >= 2 && part[0] == name && part[1] == '=') return part.substr(2);
    message.remove_prefix(std::min(message.size(), part.size() + 1));
  }
  return {};
}

std::string escaped(const std::string& user) {
  std::string made;
  for (const char each : user) made += each == '=' ? "=3D" : each == ',' ? "=2C" : std::string(1, each);
  return made;
}

}  // namespace

scram_exchange::scram_exchange(hash by, const std::string& user, std::string password, std::string nonce)
    : by_(by), password_(std::move(password)), nonce_(std::move(nonce)), first_bare_("n=" + escaped(user) + ",r=" + nonce_) {}

std::string scram_exchange::hmac(std::string_view key, std::string_view text) const {
  std::string made(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  HMAC(algorithm(by_), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       reinterpret_cast<unsigned char*>(made.data()), &size);
  made.resize(size);
  return made;
}

std::string scram_exchange::digest(std::string_view text) const {
  std::string made(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(made.data()), &size, algorithm(by_), nullptr);
  made.resize(size);
  return made;
}

result<std::string> scram_exchange::answer(std::string_view server_first) {
  const std::string_view nonce = value_of(server_first, 'r'), rounds_text = value_of(server_first, 'i');
  const std::string salt = from_base64(value_of(server_first, 's'));
  int rounds = 0;
  std::from_chars(rounds_text.data(), rounds_text.data() + rounds_text.size(), rounds);
  if (!nonce.starts_with(nonce_) || nonce.size() == nonce_.size() || salt.empty() || rounds < 1 || rounds > most_rounds)
    return fail(error_code::invalid_argument, "the broker's first message of SCRAM is not as it should be");
  std::string salted(static_cast<size_t>(EVP_MD_get_size(algorithm(by_))), '\0');
  PKCS5_PBKDF2_HMAC(password_.data(), static_cast<int>(password_.size()), reinterpret_cast<const unsigned char*>(salt.data()),
                    static_cast<int>(salt.size()), rounds, algorithm(by_), static_cast<int>(salted.size()),
                    reinterpret_cast<unsigned char*>(salted.data()));
  const std::string without_proof = "c=" + std::string(header_in_base64) + ",r=" + std::string(nonce);
  const std::string both = first_bare_ + "," + std::string(server_first) + "," + without_proof;
  std::string proof = hmac(salted, "Client Key");
  const std::string signature = hmac(digest(proof), both);
  for (size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<char>(proof[i] ^ signature[i]);
  server_signature_ = hmac(hmac(salted, "Server Key"), both);
  return without_proof + ",p=" + to_base64(proof);
}

result<void> scram_exchange::check(std::string_view server_last) const {
  const std::string shown = from_base64(value_of(server_last, 'v'));
  const bool is_one = !shown.empty() && shown.size() == server_signature_.size();
  if (is_one && CRYPTO_memcmp(shown.data(), server_signature_.data(), shown.size()) == 0) return {};
  return fail(error_code::invalid_argument, "the broker does not know the password");
}

std::string scram_nonce() {
  unsigned char bytes[24];
  if (RAND_bytes(bytes, sizeof bytes) != 1) std::abort();  // as OpenSSL advises: there is no safe way on
  return to_base64({reinterpret_cast<const char*>(bytes), sizeof bytes});
}

}  // namespace systole
