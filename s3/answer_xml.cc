#include "s3/answer_xml.h"

#include <charconv>

namespace systole {
namespace {

failure broken() { return fail(error_code::unavailable, "an S3 answer is not whole XML"); }

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0 | code >> 6));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | code >> 12));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | code >> 18));
    out.push_back(static_cast<char>(0x80 | (code >> 12 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

/// False where an entity is not one of XML's own.
bool append_entity(std::string& out, std::string_view name) {
  constexpr std::pair<std::string_view, char> known[] = {
      {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
  for (const auto& [entity, c] : known) {
    if (name != entity) continue;
    out.push_back(c);
    return true;
  }
  if (!name.starts_with('#')) return false;
  name.remove_prefix(1);
  const int base = name.starts_with('x') ? 16 : 10;
  if (base == 16) name.remove_prefix(1);
  uint32_t code = 0;
  const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), code, base);
  if (problem != std::errc() || end != name.data() + name.size() || code == 0 || code > 0x10FFFF) return false;
  append_utf8(out, code);
  return true;
}

result<std::string> decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t at = text.find('&');
    out += text.substr(0, at);
    if (at == text.npos) break;
    const size_t end = text.find(';', at);
    if (end == text.npos || !append_entity(out, text.substr(at + 1, end - at - 1))) return broken();
    text.remove_prefix(end + 1);
  }
  return out;
}

std::string_view local_name(std::string_view tag) {
  tag = tag.substr(0, tag.find_first_of(" \t\r\n/"));
  const size_t colon = tag.find(':');
  return colon == tag.npos ? tag : tag.substr(colon + 1);
}

}  // namespace

result<std::vector<std::pair<std::string, std::string>>> read_answer_xml(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> elements;
  std::vector<std::string_view> open;
  size_t text_from = 0;
  bool leaf = false;  // nothing but text since the newest opening tag
  for (size_t at = text.find('<'); at != text.npos; at = text.find('<', at)) {
    const size_t end = text.find('>', at);
    if (end == text.npos) return broken();
    const std::string_view tag = text.substr(at + 1, end - at - 1);
    if (tag.starts_with('?') || tag.starts_with('!')) {
      // A declaration or a comment.
    } else if (tag.starts_with('/')) {
      if (open.empty() || open.back() != local_name(tag.substr(1))) return broken();
      if (leaf) {
        SYSTOLE_ASSIGN(std::string value, decoded(text.substr(text_from, at - text_from)));
        elements.emplace_back(open.back(), std::move(value));
      }
      open.pop_back();
      leaf = false;
    } else if (tag.ends_with('/')) {
      elements.emplace_back(local_name(tag), std::string());
      leaf = false;
    } else {
      open.push_back(local_name(tag));
      text_from = end + 1;
      leaf = true;
    }
    at = end + 1;
  }
  if (!open.empty() || elements.empty()) return broken();
  return elements;
}

std::string first_element(const std::vector<std::pair<std::string, std::string>>& elements, std::string_view name) {
  for (const auto& [each, value] : elements)
    if (each == name) return value;
  return {};
}

}  // namespace systole
