#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace systole::testing {

/// What a proxy does to one request.
enum class fault : size_t {
  none,
  refused,           ///< the connection is closed, and nothing carried out
  error_before,      ///< 500 or 503, and nothing carried out
  conflict,          ///< 409 for a conditional put, and nothing carried out
  error_after,       ///< carried out, and 500 said
  reply_lost,        ///< carried out, and the connection closed
  reply_cut,         ///< carried out, and half of the answer sent
  reply_late,        ///< carried out, and answered when nobody waits any more
  sent_twice,        ///< carried out twice; the second answer is sent
  carried_out_late,  ///< the connection is closed, and the request carried out a moment later
  count
};

/// An HTTP proxy between a client and an S3 service on loopback: hurts requests at random, by a seed. One request per
/// connection. Thread-safe.
class faulty_proxy {
 public:
  faulty_proxy(uint16_t service_port, uint64_t seed);
  ~faulty_proxy();
  faulty_proxy(const faulty_proxy&) = delete;
  faulty_proxy& operator=(const faulty_proxy&) = delete;

  uint16_t port() const { return port_; }
  /// Of 1,000 requests so many are hurt from now on.
  void hurt(unsigned per_thousand) { per_thousand_ = per_thousand; }
  /// Requests whose method and target hold both texts are answered 500 from now on; empty: none.
  void refuse(std::string method, std::string part_of_target);
  /// A negative control: 412 becomes 200, as from a service that does not know conditional puts.
  void lie_about_412(bool lies) { lies_ = lies; }
  void answer_later_than(int ms) { late_ms_ = ms; }

  std::array<uint64_t, static_cast<size_t>(fault::count)> injected() const;
  /// How many requests came, by method and the names of the query's parameters: "DELETE uploadId".
  std::map<std::string, int> seen() const;

 private:
  void serve();
  void handle(int client);
  fault choose(const std::string& head);
  /// From a shuffled deck that holds every kind, each among its first 36.
  fault deal();
  std::string forward(const std::string& request) const;

  uint16_t service_port_;
  uint16_t port_ = 0;
  int listener_ = -1;
  std::atomic<unsigned> per_thousand_ = 0;
  std::atomic<bool> lies_ = false;
  std::atomic<int> late_ms_ = 700;
  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  std::vector<fault> deck_;
  std::string refused_method_, refused_part_;
  std::array<uint64_t, static_cast<size_t>(fault::count)> injected_{};
  std::map<std::string, int> seen_;
  std::vector<std::thread> connections_;
  std::atomic<bool> ends_ = false;
  std::thread thread_;
};

}  // namespace systole::testing
