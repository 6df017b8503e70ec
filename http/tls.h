#pragma once

#include <utility>

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "base/result.h"

namespace systole {

/// TLS 1.2 and later. Failures name the file that cannot be used.
result<std::unique_ptr<boost::asio::ssl::context>> make_tls_server_context(const std::string& certificate,
                                                                           const std::string& key);
/// Trusts `certificate_authority` only, a PEM file; empty: what the system trusts.
result<std::unique_ptr<boost::asio::ssl::context>> make_tls_client_context(const std::string& certificate_authority);

}  // namespace systole
