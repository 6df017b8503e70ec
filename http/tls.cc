#include "http/tls.h"

namespace systole {
namespace {

namespace ssl = boost::asio::ssl;

std::unique_ptr<ssl::context> context_of(ssl::context::method method) {
  auto made = std::make_unique<ssl::context>(method);
  made->set_options(ssl::context::default_workarounds | ssl::context::no_compression);
  SSL_CTX_set_min_proto_version(made->native_handle(), TLS1_2_VERSION);
  // A key with a passphrase would have OpenSSL ask at the terminal.
  made->set_password_callback([](size_t, ssl::context::password_purpose) { return std::string(); });
  return made;
}

failure cannot_use(const char* what, const std::string& path, const boost::system::error_code& problem) {
  return fail(error_code::invalid_argument,
              std::string("cannot use the ") + what + " in " + path + ": " + problem.message());
}

}  // namespace

result<std::unique_ptr<ssl::context>> make_tls_server_context(const std::string& certificate, const std::string& key) {
  auto made = context_of(ssl::context::tls_server);
  boost::system::error_code problem;
  made->use_certificate_chain_file(certificate, problem);
  if (problem) return cannot_use("certificate", certificate, problem);
  made->use_private_key_file(key, ssl::context::pem, problem);
  if (problem) return cannot_use("private key", key, problem);
  if (SSL_CTX_check_private_key(made->native_handle()) != 1)
    return fail(error_code::invalid_argument,
                "the private key in " + key + " is not that of the certificate in " + certificate);
  return made;
}

result<std::unique_ptr<ssl::context>> make_tls_client_context(const std::string& certificate_authority) {
  auto made = context_of(ssl::context::tls_client);
  made->set_verify_mode(ssl::verify_peer);
  boost::system::error_code problem;
  if (certificate_authority.empty()) {
    made->set_default_verify_paths(problem);
    if (problem)
      return fail(error_code::io, "cannot read the certificates that this system trusts: " + problem.message());
  } else {
    made->load_verify_file(certificate_authority, problem);
    if (problem) return cannot_use("certificate authority", certificate_authority, problem);
  }
  return made;
}

}  // namespace systole
