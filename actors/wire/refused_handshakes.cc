// CAF closes a connection whose handshake fails and tells nobody why; and it leaves OpenSSL's error behind, which the
// thread's next read of another connection takes for its own: one peer that is refused, or is killed, would end the
// connections of all others. CAF makes its contexts itself, so both are mended where OpenSSL lets anybody hook in: a
// callback of each context that is made.
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <chrono>
#include <map>
#include <mutex>
#include <string>

#include "actors/wire/node_tls.h"
#include "base/log.h"

namespace systole {
namespace {

using steady = std::chrono::steady_clock;
constexpr std::chrono::seconds same_at_most_each{10};
constexpr size_t most_remembered = 256;  ///< pairs of a host and a reason
constexpr int mutual = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;

struct peer_address {
  std::string host = "somebody", port;
  std::string text() const { return port.empty() ? host : host + ":" + port; }
};

peer_address peer_of(const SSL* session) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  char host[NI_MAXHOST], port[NI_MAXSERV];
  if (::getpeername(SSL_get_fd(session), reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&address), length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return {};
  return {host, port};
}

std::string reason_of(const SSL* session, unsigned long code) {
  if (const long found = SSL_get_verify_result(session); found != X509_V_OK)
    return std::string("its certificate is not one of our authority's: ") + X509_verify_cert_error_string(found);
  const char* const text = ERR_reason_error_string(code);
  const std::string told = text ? text : "unknown";
  switch (ERR_GET_REASON(code)) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return "it shows no certificate";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG: return "it does not speak TLS";
    case SSL_R_UNEXPECTED_EOF_WHILE_READING: return "it left while shaking hands: does it speak TLS?";
    default: return ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET ? "it refuses our certificate: " + told : told;
  }
}

void tell(const peer_address& peer, const std::string& reason) {
  struct remembered {
    steady::time_point last;
    uint64_t unsaid = 0;
  };
  static std::mutex mutex;
  static std::map<std::string, remembered> known;
  const std::lock_guard lock(mutex);
  const auto now = steady::now();
  if (known.size() >= most_remembered) known.clear();
  const auto [at, is_new] = known.try_emplace(peer.host + " " + reason);
  if (!is_new && now - at->second.last < same_at_most_each) {
    ++at->second.unsaid;
    return;
  }
  const std::string more = at->second.unsaid > 0 ? " (and " + std::to_string(at->second.unsaid) + " times before)" : "";
  at->second = {now, 0};
  log_line(log_level::warning, "network", "refused " + peer.text() + ": " + reason + more);
}

int address_index() {
  static const int made = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* held, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<peer_address*>(held); });
  return made;
}

/// While the socket still knows.
void remember_peer(SSL* session) {
  if (SSL_get_ex_data(session, address_index())) return;
  auto* const made = new peer_address(peer_of(session));
  if (SSL_set_ex_data(session, address_index(), made) != 1) delete made;
}

void on_event(const SSL* of, int where, int outcome) {
  if (SSL_get_verify_mode(of) != mutual) return;  // not CAF's
  SSL* const session = const_cast<SSL*>(of);      // OpenSSL gives us its own object
  if ((where & SSL_CB_HANDSHAKE_START) != 0) return remember_peer(session);
  if ((where & SSL_CB_HANDSHAKE_DONE) != 0) {
    // A process that is killed closes without a word: no error, a connection that has ended.
    SSL_set_options(session, SSL_OP_IGNORE_UNEXPECTED_EOF);
    return;
  }
  if ((where & SSL_CB_WRITE_ALERT) == SSL_CB_WRITE_ALERT) {
    if (SSL_get_state(session) == TLS_ST_OK) ERR_clear_error();
    return;
  }
  if ((where & SSL_CB_EXIT) == 0 || outcome > 0) return;
  const unsigned long code = ERR_peek_last_error();
  if (code == 0) return;  // it only waits for more bytes
  const auto* const peer = static_cast<const peer_address*>(SSL_get_ex_data(session, address_index()));
  if (SSL_is_server(session)) tell(peer ? *peer : peer_address(), reason_of(session, code));
  ERR_clear_error();  // SSL_get_error() says that the connection is over without it, too
}

void on_new_context(void* parent, void*, CRYPTO_EX_DATA*, int, long, void*) {
  SSL_CTX_set_info_callback(static_cast<SSL_CTX*>(parent), on_event);
}

}  // namespace

void watch_handshakes() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, on_new_context, nullptr, nullptr);
  if (index < 0 || address_index() < 0) log_line(log_level::warning, "network", "refused connections cannot be logged");
}

}  // namespace systole
