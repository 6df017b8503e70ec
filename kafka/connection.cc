#include "kafka/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "base/limits.h"
#include "kafka/refusal_text.h"
#include "kafka/scram.h"
#include "kafka/wire_format.h"

namespace systole {
namespace {

using std::chrono::steady_clock;

constexpr int is_over = -1, wants_to_read = -2, wants_to_write = -3;  ///< outcomes beside a number of bytes

constexpr size_t most_awaited_bytes = 256 * limits::kibibyte;

std::shared_ptr<char[]> buffer_for(size_t bytes, buffer_pool& pool) {
  constexpr size_t step = 256 * limits::kibibyte;
  const size_t whole = bytes + kafka_block::padding;
  // Large ones are alike, so that they are used again; a small one keeps only what it needs.
  if (whole <= step / 4) return std::shared_ptr<char[]>(new char[whole]);
  return pool.take((whole + step - 1) / step * step);
}

std::string tls_reason() {
  char text[256] = "the peer closed it";
  if (const unsigned long code = ERR_peek_error()) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

}  // namespace

kafka_interrupt::kafka_interrupt() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::runtime_error(std::string("no eventfd: ") + std::strerror(errno));
}
kafka_interrupt::~kafka_interrupt() { ::close(fd_); }
void kafka_interrupt::set() { ::eventfd_write(fd_, 1); }

kafka_connection::kafka_connection(const kafka_client_options& options, const kafka_client_options::address& broker,
                                   const kafka_interrupt& interrupt, tcp_connection socket)
    : options_(options),
      where_(broker.host + ":" + std::to_string(broker.port)),
      host_(broker.host),
      interrupt_(interrupt),
      socket_(std::move(socket)),
      tls_(nullptr, SSL_free) {
  const int on = 1;
  ::setsockopt(socket_.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(socket_.fd(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  if (options.receive_buffer_bytes > 0)
    ::setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVBUF, &options.receive_buffer_bytes, sizeof options.receive_buffer_bytes);
}

result<std::unique_ptr<kafka_connection>> kafka_connection::open(const kafka_client_options& options, const kafka_tls* tls,
                                                                 const kafka_client_options::address& broker,
                                                                 const kafka_interrupt& interrupt) {
  SYSTOLE_ASSIGN(tcp_connection socket, connect_tcp(broker.host, broker.port, options.connect_time, interrupt.fd()));
  std::unique_ptr<kafka_connection> made(new kafka_connection(options, broker, interrupt, std::move(socket)));
  if (tls) SYSTOLE_TRY(made->shake_hands(*tls));
  SYSTOLE_ASSIGN(const kafka_answer versions, made->ask(kafka_versions_api, {}, made->small_));
  auto known = check_kafka_versions(versions.body(), options.transactions);
  if (!known) return fail(known.error().code, made->where_ + ": " + known.error().message);
  if (options.with_user) SYSTOLE_TRY(made->log_in());
  return made;
}

failure kafka_connection::broke(const std::string& how) const {
  return fail(error_code::unavailable, "the connection to the broker " + where_ + " ended: " + how);
}

result<void> kafka_connection::wait_for(int outcome, time_point until) {
  if (socket_.wait(outcome != wants_to_write, until, interrupt_.fd())) return {};
  return broke("no answer in time");
}

void kafka_connection::wake_at(size_t bytes) {
  const auto enough = static_cast<int>(std::min(bytes, most_awaited_bytes));
  if (tls_ || enough == awaited_bytes_) return;
  awaited_bytes_ = enough;
  ::setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVLOWAT, &enough, sizeof enough);
}

result<void> kafka_connection::shake_hands(const kafka_tls& tls) {
  SYSTOLE_ASSIGN(tls_, tls.open(host_));
  SSL_set_fd(tls_.get(), socket_.fd());
  const time_point until = steady_clock::now() + options_.connect_time;
  while (true) {
    ERR_clear_error();
    const int done = SSL_connect(tls_.get());
    if (done == 1) return {};
    const int why = SSL_get_error(tls_.get(), done);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
      SYSTOLE_TRY(wait_for(why == SSL_ERROR_WANT_READ ? wants_to_read : wants_to_write, until));
      continue;
    }
    const long verdict = SSL_get_verify_result(tls_.get());
    if (verdict != X509_V_OK) {
      ERR_clear_error();
      return fail(error_code::invalid_argument, kafka_certificate_refused(where_, static_cast<int>(verdict)));
    }
    if (why != SSL_ERROR_SSL) return broke("within the TLS handshake");
    return fail(error_code::invalid_argument, kafka_encryption_refused(where_ + ": " + tls_reason()));
  }
}

result<std::string> kafka_connection::authenticate(std::string_view message) {
  SYSTOLE_ASSIGN(const kafka_answer answer, ask(kafka_sasl_authenticate_api, kafka_authenticate_body(message), small_));
  SYSTOLE_ASSIGN(kafka_authenticated said, read_kafka_authenticated(answer.body()));
  if (said.error == kafka_error::none) return std::move(said.message);
  return fail(error_code::invalid_argument, kafka_user_refused(where_ + ": " + said.text));
}

result<void> kafka_connection::log_in() {
  SYSTOLE_ASSIGN(const kafka_answer answer, ask(kafka_sasl_handshake_api, kafka_handshake_body(options_.mechanism), small_));
  if (auto taken = read_kafka_handshake(answer.body(), options_.mechanism); !taken)
    return fail(taken.error().code, kafka_user_refused(where_ + ": " + taken.error().message));
  if (options_.mechanism == "PLAIN") {  // RFC 4616
    SYSTOLE_TRY(authenticate(std::string(1, '\0') + options_.user + std::string(1, '\0') + options_.password));
    return {};
  }
  const auto by = options_.mechanism == "SCRAM-SHA-512" ? scram_exchange::hash::sha512 : scram_exchange::hash::sha256;
  scram_exchange scram(by, options_.user, options_.password, scram_nonce());
  SYSTOLE_ASSIGN(const std::string first, authenticate(scram.first()));
  const auto refused = [this](const failure& cause) {
    return fail(error_code::invalid_argument, kafka_user_refused(where_ + ": " + cause.message));
  };
  auto proof = scram.answer(first);
  if (!proof) return refused(proof.error());
  SYSTOLE_ASSIGN(const std::string last, authenticate(*proof));
  if (auto known = scram.check(last); !known) return refused(known.error());
  return {};
}

result<void> kafka_connection::write(std::string_view bytes, bool more, time_point until) {
  while (!bytes.empty()) {
    ssize_t written = 0;
    int outcome = 0;
    if (tls_) {
      ERR_clear_error();
      written = SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()));
      const int why = written > 0 ? 0 : SSL_get_error(tls_.get(), static_cast<int>(written));
      if (written <= 0) outcome = why == SSL_ERROR_WANT_WRITE ? wants_to_write : why == SSL_ERROR_WANT_READ ? wants_to_read : is_over;
    } else {
      written = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | (more ? MSG_MORE : 0));
      if (written < 0) outcome = errno == EAGAIN || errno == EINTR ? wants_to_write : is_over;
    }
    if (outcome == is_over) return broke(tls_ ? tls_reason() : std::strerror(errno));
    if (outcome != 0) SYSTOLE_TRY(wait_for(outcome, until));
    else bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

result<void> kafka_connection::read(char* into, size_t size, time_point until) {
  while (size > 0) {
    ssize_t had = 0;
    int outcome = 0;
    if (tls_) {
      ERR_clear_error();
      had = SSL_read(tls_.get(), into, static_cast<int>(size));
      const int why = had > 0 ? 0 : SSL_get_error(tls_.get(), static_cast<int>(had));
      if (had <= 0) outcome = why == SSL_ERROR_WANT_READ ? wants_to_read : why == SSL_ERROR_WANT_WRITE ? wants_to_write : is_over;
      // TLS 1.3: that this client's certificate is missing or not accepted comes behind the handshake.
      if (outcome == is_over && why == SSL_ERROR_SSL && correlation_ == 1)
        return fail(error_code::invalid_argument, kafka_encryption_refused(where_ + ": " + tls_reason()));
    } else {
      had = ::recv(socket_.fd(), into, size, 0);
      if (had < 0) outcome = errno == EAGAIN || errno == EINTR ? wants_to_read : is_over;
    }
    if (outcome == is_over || had == 0) return broke(tls_ ? tls_reason() : had == 0 ? "the peer closed it" : std::strerror(errno));
    if (outcome != 0) {
      wake_at(size);
      SYSTOLE_TRY(wait_for(outcome, until));
      continue;
    }
    into += had;
    size -= static_cast<size_t>(had);
  }
  return {};
}

result<kafka_answer> kafka_connection::ask(const kafka_api& api, std::string_view body, buffer_pool& pool,
                                           std::chrono::milliseconds longer) {
  SYSTOLE_TRY(send(api, {body}));
  return receive(pool, longer);
}

result<void> kafka_connection::send(const kafka_api& api, const std::vector<std::string_view>& body) {
  const time_point until = steady_clock::now() + options_.answer_time;
  asked_ = api.name;
  std::string head = kafka_request(api, ++correlation_, options_.client_id, {});
  size_t left = head.size();
  for (const std::string_view each : body) left += each.size();
  head = kafka_writer().int32(static_cast<int32_t>(left)).bytes() + head;
  left += sizeof(int32_t);
  const auto put = [&](std::string_view piece) {
    left -= piece.size();
    return write(piece, left > 0, until);
  };
  SYSTOLE_TRY(put(head));
  for (const std::string_view each : body) SYSTOLE_TRY(put(each));
  return {};
}

result<kafka_answer> kafka_connection::receive(buffer_pool& pool, std::chrono::milliseconds longer) {
  const time_point until = steady_clock::now() + options_.answer_time + longer;
  char head[4];
  SYSTOLE_TRY(read(head, sizeof head, until));
  const int32_t size = kafka_reader({head, sizeof head}).int32();
  if (size < static_cast<int32_t>(kafka_answer::head) || static_cast<size_t>(size) > limits::kafka_answer_bytes)
    return fail(error_code::corrupt, where_ + " gave an answer of " + std::to_string(size) + " bytes to " + asked_ +
                                         "; is it a broker, and is `protocol` of the connection's security right?");
  kafka_answer made{{buffer_for(static_cast<size_t>(size), pool), static_cast<size_t>(size)}};
  SYSTOLE_TRY(read(made.whole.bytes.get(), made.whole.size, until));
  made.whole.pad();
  if (kafka_reader({made.whole.bytes.get(), kafka_answer::head}).int32() != correlation_)
    return fail(error_code::corrupt, where_ + " answered another request than the last one");
  return made;
}

}  // namespace systole
