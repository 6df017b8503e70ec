#include "http/target.h"

#include <charconv>

namespace systole {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> decoded(std::string_view text, bool plus_is_blank) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '+' && plus_is_blank) c = ' ';
    if (c == '%') {
      if (at + 2 >= text.size()) return std::nullopt;
      const int high = hex_value(text[at + 1]), low = hex_value(text[at + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      at += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    out.push_back(c);
  }
  return out;
}

}  // namespace

std::optional<http_target> parse_target(std::string_view target) {
  if (target.empty() || target.front() != '/') return std::nullopt;
  const size_t question = target.find('?');
  auto path = decoded(target.substr(0, question), false);
  if (!path) return std::nullopt;
  http_target made;
  made.path = std::move(*path);
  std::string_view rest = question == target.npos ? std::string_view() : target.substr(question + 1);
  while (!rest.empty()) {
    const size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    auto name = decoded(pair.substr(0, equals), true);
    auto value = decoded(equals == pair.npos ? std::string_view() : pair.substr(equals + 1), true);
    if (!name || !value) return std::nullopt;
    made.query[std::move(*name)] = std::move(*value);
  }
  return made;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (plain.find(c) != plain.npos) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return out;
}

result<http_url> parse_url(std::string_view url) {
  const auto refuse = [&] {
    return fail(error_code::invalid_argument,
                "write the server's URL as http://HOST:PORT or https://HOST:PORT, not: " + std::string(url));
  };
  http_url made;
  std::string_view rest = url;
  if (rest.starts_with("https://")) {
    made.secure = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return refuse();
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#@ ") != rest.npos) return refuse();
  std::string_view port;
  if (rest.starts_with('[')) {
    const size_t end = rest.find(']');
    if (end == rest.npos) return refuse();
    made.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (!rest.empty() && rest.front() != ':') return refuse();
    port = rest.empty() ? rest : rest.substr(1);
    if (!rest.empty() && port.empty()) return refuse();
  } else {
    const size_t colon = rest.find(':');
    made.host = rest.substr(0, colon);
    if (colon != rest.npos) {
      port = rest.substr(colon + 1);
      if (port.empty()) return refuse();
    }
  }
  made.port = made.secure ? 443 : 80;
  if (!port.empty()) {
    const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), made.port);
    if (problem != std::errc() || end != port.data() + port.size() || made.port == 0) return refuse();
  }
  if (made.host.empty()) return refuse();
  return made;
}

std::string authority_of(const http_url& url) {
  std::string made = url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  if (url.port != (url.secure ? 443 : 80)) made += ":" + std::to_string(url.port);
  return made;
}

}  // namespace systole
