#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.h"

/// TLS between the processes of a cluster: each shows a certificate, and takes only those that the cluster's own
/// authority signed. Names in certificates are not compared: who has a certificate of the authority belongs to the
/// cluster.
namespace systole {

/// PEM files. All empty: no TLS.
struct node_tls {
  std::string certificate;  ///< with the chain up to the authority, if there is one
  std::string key;
  std::string authority;
  bool on() const { return !certificate.empty() || !key.empty() || !authority.empty(); }
};

/// Tells what another process would find out later: a file that cannot be read, a key of another certificate, a
/// certificate that is not the authority's or not valid now. Messages name the file.
result<void> check_node_tls(const node_tls& files);

/// Connects to host:port as CAF's connection will, and waits for the first byte of the other side: the shortest way to
/// learn why a connection will not come about, which CAF does not tell. Blocks for `patience` or little more.
/// `unavailable`, with the address and the reason.
result<void> probe_node(const std::string& host, uint16_t port, const node_tls& files,
                        std::chrono::milliseconds patience);

/// From here on connections that this process refuses while they shake hands are logged, with address and reason; the
/// same host and reason at most every 10 s. And one that fails ends no other. (Those of CAF: all that demand a
/// certificate of both sides.)
void watch_handshakes();

}  // namespace systole
