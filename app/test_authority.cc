#include "app/test_authority.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>

#include "base/file_system.h"

namespace systole {
namespace {

template <class T, void (*Free)(T*)>
struct freed {
  void operator()(T* what) const { Free(what); }
};
using key = std::unique_ptr<EVP_PKEY, freed<EVP_PKEY, EVP_PKEY_free>>;
using certificate = std::unique_ptr<X509, freed<X509, X509_free>>;
struct file_closed {
  void operator()(BIO* what) const { BIO_free(what); }
};
using file = std::unique_ptr<BIO, file_closed>;

constexpr int64_t seconds_a_day = 86'400;
constexpr int64_t clocks_differ_by_s = 3'600;

failure no(const std::string& what, const std::string& path) {
  return fail(error_code::io, "cannot " + what + " " + path);
}

/// Writes a new file with these permissions; refuses where there is one.
result<void> write_pem(const std::string& path, mode_t mode, const std::function<int(BIO*)>& write) {
  const int made = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (made < 0 && errno == EEXIST)
    return fail(error_code::already_exists, path + " is there already: remove it first, or give another directory");
  if (made < 0) return fail(error_code::io, "cannot write " + path + ": " + std::strerror(errno));
  const file to(BIO_new_fd(made, BIO_CLOSE));
  if (!to || write(to.get()) != 1 || ::fsync(made) != 0) return no("write", path);
  return {};
}

result<void> write_key(const std::string& path, EVP_PKEY* what) {
  return write_pem(path, 0600,
                   [&](BIO* to) { return PEM_write_bio_PrivateKey(to, what, nullptr, nullptr, 0, nullptr, nullptr); });
}

result<void> write_certificate(const std::string& path, X509* what) {
  return write_pem(path, 0644, [&](BIO* to) { return PEM_write_bio_X509(to, what); });
}

bool add_extension(X509* to, X509* issuer, int which, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str());
  const bool added = made != nullptr && X509_add_ext(to, made, -1) == 1;
  X509_EXTENSION_free(made);
  return added;
}

certificate unsigned_certificate(EVP_PKEY* of, const std::string& name, uint32_t valid_days) {
  certificate made(X509_new());
  unsigned char serial[16];
  const std::unique_ptr<BIGNUM, freed<BIGNUM, BN_free>> number(
      RAND_bytes(serial, sizeof serial) == 1 ? BN_bin2bn(serial, sizeof serial, nullptr) : nullptr);
  const bool good = made && number && X509_set_version(made.get(), 2) == 1 &&
                    BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(made.get())) != nullptr &&
                    X509_gmtime_adj(X509_getm_notBefore(made.get()), -clocks_differ_by_s) != nullptr &&
                    X509_gmtime_adj(X509_getm_notAfter(made.get()), valid_days * seconds_a_day) != nullptr &&
                    X509_set_pubkey(made.get(), of) == 1 &&
                    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0) == 1;
  return good ? std::move(made) : nullptr;
}

/// What X509V3 calls a host: "IP:10.0.0.1", "DNS:worker-1". Nothing that would end the item and begin another one.
result<std::string> alternative_name(const std::string& host) {
  unsigned char address[sizeof(in6_addr)];
  if (::inet_pton(AF_INET, host.c_str(), address) == 1 || ::inet_pton(AF_INET6, host.c_str(), address) == 1)
    return "IP:" + host;
  const bool good =
      !host.empty() && host.size() <= 253 &&
      host.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._*") == std::string::npos;
  if (!good) return fail(error_code::invalid_argument, "a host is a name or an address, not: " + host);
  return "DNS:" + host;
}

result<key> read_key(const std::string& path) {
  const file from(BIO_new_file(path.c_str(), "r"));
  key made(from ? PEM_read_bio_PrivateKey(from.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!made) return no("read the key in", path);
  return made;
}

result<certificate> read_certificate(const std::string& path) {
  const file from(BIO_new_file(path.c_str(), "r"));
  certificate made(from ? PEM_read_bio_X509(from.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!made) return no("read the certificate in", path);
  return made;
}

}  // namespace

result<test_authority> test_authority::open(const std::string& directory, uint32_t valid_days) {
  test_authority made;
  made.directory_ = directory;
  file_system& files = posix_file_system();
  SYSTOLE_TRY(files.create_directories(directory));
  SYSTOLE_ASSIGN(const bool has_certificate, files.exists(directory + "/ca.pem"));
  SYSTOLE_ASSIGN(const bool has_key, files.exists(directory + "/ca.key"));
  if (has_certificate && has_key) return made;
  if (has_certificate)
    return fail(error_code::invalid_argument, directory + " has ca.pem, but not its ca.key, which is needed to sign");
  const key own(EVP_EC_gen("P-256"));
  if (!own) return fail(error_code::io, "cannot make a key");
  const certificate self = unsigned_certificate(own.get(), "Systole cluster authority", valid_days);
  if (!self || X509_set_issuer_name(self.get(), X509_get_subject_name(self.get())) != 1 ||
      !add_extension(self.get(), self.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(self.get(), self.get(), NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(self.get(), self.get(), NID_subject_key_identifier, "hash") ||
      X509_sign(self.get(), own.get(), EVP_sha256()) <= 0)
    return fail(error_code::io, "cannot make an authority's certificate");
  SYSTOLE_TRY(write_key(directory + "/ca.key", own.get()));
  SYSTOLE_TRY(write_certificate(directory + "/ca.pem", self.get()));
  made.is_new_ = true;
  return made;
}

result<void> test_authority::issue(const std::string& name, const std::vector<std::string>& hosts,
                                   uint32_t valid_days) const {
  const bool is_file_name = !name.empty() && name != "ca" && name.front() != '.' && name.find('/') == std::string::npos;
  if (!is_file_name) return fail(error_code::invalid_argument, "certificates cannot be named: " + name);
  SYSTOLE_ASSIGN(const key authority_key, read_key(directory_ + "/ca.key"));
  SYSTOLE_ASSIGN(const certificate authority, read_certificate(directory_ + "/ca.pem"));
  std::string names;
  for (const std::string& host : hosts) {
    SYSTOLE_ASSIGN(const std::string one, alternative_name(host));
    names += (names.empty() ? "" : ",") + one;
  }
  const key own(EVP_EC_gen("P-256"));
  if (!own) return fail(error_code::io, "cannot make a key");
  const certificate made = unsigned_certificate(own.get(), name, valid_days);
  X509* const to = made.get();
  if (!to || X509_set_issuer_name(to, X509_get_subject_name(authority.get())) != 1 ||
      !add_extension(to, authority.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(to, authority.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(to, authority.get(), NID_ext_key_usage, "serverAuth,clientAuth") ||
      !add_extension(to, authority.get(), NID_subject_alt_name, names) ||
      !add_extension(to, authority.get(), NID_authority_key_identifier, "keyid:always") ||
      X509_sign(to, authority_key.get(), EVP_sha256()) <= 0)
    return fail(error_code::io, "cannot make a certificate for " + name);
  SYSTOLE_TRY(write_key(directory_ + "/" + name + ".key", own.get()));
  return write_certificate(directory_ + "/" + name + ".pem", to);
}

}  // namespace systole
