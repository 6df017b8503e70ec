#include "kafka/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>

namespace systole {
namespace {

using bio = std::unique_ptr<BIO, int (*)(BIO*)>;
using certificate = std::unique_ptr<X509, void (*)(X509*)>;
using private_key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;

bio memory_of(const std::string& text) { return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free}; }

/// Without it OpenSSL would ask at the terminal.
int give_password(char* into, int size, int, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  const int length = std::min(size, static_cast<int>(text.size()));
  std::memcpy(into, text.data(), static_cast<size_t>(length));
  return length;
}

failure cannot_use(const kafka_client_options& options, const char* property, const char* what) {
  ERR_clear_error();
  return fail(error_code::invalid_argument, "the connection " + options.connection + ": " + property + " is not " + what);
}

/// Adds all certificates of the text; how many there were.
int trust(SSL_CTX* context, const std::string& pem) {
  const bio in = memory_of(pem);
  int found = 0;
  while (true) {
    const certificate each(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr), X509_free);
    if (!each) break;
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), each.get());
    ++found;
  }
  ERR_clear_error();
  return found;
}

/// The first certificate is the client's own, those behind it lead to its authority.
bool present(SSL_CTX* context, const std::string& pem) {
  const bio in = memory_of(pem);
  const certificate own(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr), X509_free);
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) return false;
  while (true) {
    const certificate next(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr), X509_free);
    if (!next) break;
    SSL_CTX_add1_chain_cert(context, next.get());
  }
  ERR_clear_error();
  return true;
}

}  // namespace

result<std::shared_ptr<const kafka_tls>> kafka_tls::make(const kafka_client_options& options) {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  if (!context) return fail(error_code::internal, "OpenSSL gives no context");
  std::shared_ptr<const kafka_tls> made(new kafka_tls(context));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (!options.authority_file.empty()) {
    if (SSL_CTX_load_verify_locations(context, options.authority_file.c_str(), nullptr) != 1)
      return cannot_use(options, "ssl.ca.location", ("a readable PEM file: " + options.authority_file).c_str());
  } else if (!options.authority_pem.empty()) {
    if (trust(context, options.authority_pem) == 0) return cannot_use(options, "ssl.ca.pem", "a certificate in PEM");
  } else {
    SSL_CTX_set_default_verify_paths(context);
  }
  if (options.certificate_pem.empty()) return made;
  if (!present(context, options.certificate_pem)) return cannot_use(options, "ssl.certificate.pem", "a certificate in PEM");
  const bio in = memory_of(options.key_pem);
  const private_key key(PEM_read_bio_PrivateKey(in.get(), nullptr, give_password, const_cast<std::string*>(&options.key_password)),
                        EVP_PKEY_free);
  if (!key || SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1)
    return cannot_use(options, "ssl.key.pem", "the private key of ssl.certificate.pem in PEM, with its password");
  return made;
}

kafka_tls::~kafka_tls() { SSL_CTX_free(context_); }

result<kafka_tls::session> kafka_tls::open(const std::string& host) const {
  session made(SSL_new(context_), SSL_free);
  if (!made) return fail(error_code::internal, "OpenSSL gives no session");
  X509_VERIFY_PARAM* const expected = SSL_get0_param(made.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str()) != 1) {
    ERR_clear_error();  // a name
    SSL_set_tlsext_host_name(made.get(), host.c_str());
    if (X509_VERIFY_PARAM_set1_host(expected, host.c_str(), host.size()) != 1)
      return fail(error_code::invalid_argument, "no certificate can have this broker's name: " + host);
  }
  return made;
}

}  // namespace systole
