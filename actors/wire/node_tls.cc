#include "actors/wire/node_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include <memory>

#include "base/tcp_connection.h"

namespace systole {
namespace {

template <class T, void (*Free)(T*)>
struct freed {
  void operator()(T* what) const { Free(what); }
};
using tls_context = std::unique_ptr<SSL_CTX, freed<SSL_CTX, SSL_CTX_free>>;
using tls_session = std::unique_ptr<SSL, freed<SSL, SSL_free>>;

std::string last_problem() {
  const unsigned long code = ERR_peek_last_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason ? reason : "unknown";
}

failure cannot_use(const char* what, const std::string& path) {
  return fail(error_code::invalid_argument,
              std::string("cannot use the ") + what + " in " + path + ": " + last_problem());
}

/// As CAF makes its own: mutual, with one authority.
result<tls_context> context_of(const node_tls& files) {
  ERR_clear_error();
  tls_context made(SSL_CTX_new(TLS_method()));
  if (!made) return fail(error_code::io, "cannot use TLS: " + last_problem());
  SSL_CTX_set_info_callback(made.get(), nullptr);  // watch_handshakes() is for CAF's
  // A key with a passphrase would have OpenSSL ask at the terminal.
  SSL_CTX_set_default_passwd_cb(made.get(), [](char*, int, int, void*) { return 0; });
  if (SSL_CTX_use_certificate_chain_file(made.get(), files.certificate.c_str()) != 1)
    return cannot_use("certificate", files.certificate);
  if (SSL_CTX_use_PrivateKey_file(made.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    if (ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH)
      return cannot_use("private key", files.key);
    ERR_clear_error();
    return fail(error_code::invalid_argument,
                "the private key in " + files.key + " is not that of the certificate in " + files.certificate);
  }
  if (SSL_CTX_load_verify_locations(made.get(), files.authority.c_str(), nullptr) != 1)
    return cannot_use("certificate authority", files.authority);
  SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return made;
}

/// Whether the other side's handshake, or its refusal of ours, has failed; and why.
std::string reason_of(SSL* session) {
  if (const long found = SSL_get_verify_result(session); found != X509_V_OK) {
    ERR_clear_error();
    return std::string("its certificate is not one of our authority's: ") + X509_verify_cert_error_string(found);
  }
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  const std::string told = last_problem();
  if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG) return "it does not speak TLS";
  if (reason > SSL_AD_REASON_OFFSET) return "it refuses our certificate: " + told;
  return told;
}

}  // namespace

result<void> check_node_tls(const node_tls& files) {
  if (!files.on()) return {};
  if (files.certificate.empty() || files.key.empty() || files.authority.empty())
    return fail(error_code::invalid_argument,
                "TLS between the processes of a cluster needs --tls-cert, --tls-key and --tls-ca");
  SYSTOLE_ASSIGN(const tls_context context, context_of(files));
  const std::unique_ptr<X509_STORE_CTX, freed<X509_STORE_CTX, X509_STORE_CTX_free>> check(X509_STORE_CTX_new());
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(context.get(), &chain);
  if (!check || X509_STORE_CTX_init(check.get(), SSL_CTX_get_cert_store(context.get()),
                                    SSL_CTX_get0_certificate(context.get()), chain) != 1)
    return fail(error_code::io, "cannot check the certificate in " + files.certificate + ": " + last_problem());
  if (X509_verify_cert(check.get()) == 1) return {};
  const std::string why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(check.get()));
  ERR_clear_error();
  return fail(error_code::invalid_argument, "the certificate in " + files.certificate +
                                                " is not valid under the authority in " + files.authority + ": " + why);
}

result<void> probe_node(const std::string& host, uint16_t port, const node_tls& files,
                        std::chrono::milliseconds patience) {
  const std::string where = host + ":" + std::to_string(port);
  SYSTOLE_ASSIGN(const tcp_connection connection, connect_tcp(host, port, patience));
  const auto until = std::chrono::steady_clock::now() + patience;
  const auto no = [&](const std::string& why) {
    return fail(error_code::unavailable, "no connection to " + where + ": " + why);
  };
  char first = 0;
  if (!files.on()) {
    // A process of a cluster speaks first; one that waits for a TLS handshake does not.
    if (!connection.wait(true, until)) return no("it says nothing: it may want TLS (--tls-cert, --tls-key, --tls-ca)");
    if (::recv(connection.fd(), &first, 1, MSG_PEEK) <= 0) return no("it closes the connection");
    return {};
  }
  SYSTOLE_ASSIGN(const tls_context context, context_of(files));
  const tls_session session(SSL_new(context.get()));
  if (!session || SSL_set_fd(session.get(), connection.fd()) != 1) return no("cannot use TLS: " + last_problem());
  SSL_set_connect_state(session.get());
  ERR_clear_error();
  while (true) {
    // Reads once it has shaken hands: TLS 1.3 tells only then that our certificate is refused.
    const int got = SSL_read(session.get(), &first, 1);
    if (got > 0) {
      SSL_shutdown(session.get());  // says goodbye, so that the other side sees no error
      return {};
    }
    switch (SSL_get_error(session.get(), got)) {
      case SSL_ERROR_WANT_READ:
        if (!connection.wait(true, until)) return no("it does not answer in time");
        break;
      case SSL_ERROR_WANT_WRITE:
        if (!connection.wait(false, until)) return no("it does not answer in time");
        break;
      case SSL_ERROR_ZERO_RETURN: return no("it closes the connection");
      case SSL_ERROR_SYSCALL: ERR_clear_error(); return no("it closes the connection while shaking hands");
      default: return no(reason_of(session.get()));
    }
  }
}

}  // namespace systole
