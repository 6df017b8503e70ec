// yaml-cpp's events give marks, quoting and aliases, which its Node does not.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <unordered_set>

#include "base/limits.h"
#include "plan/diagnostic_codes.h"
#include "plan/yaml_node.h"

namespace systole {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// Leaves yaml-cpp's parser once the reason is recorded.
struct give_up {};

class tree_builder final : public YAML::EventHandler {
 public:
  tree_builder(std::string_view text, uint32_t file, uint32_t shift, diagnostics& problems)
      : text_(text), file_(file), shift_(shift), problems_(problems) {}

  std::vector<yaml_node> take() { return std::move(documents_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (mark.pos == last_document_) {
      // yaml-cpp makes empty documents without end of a token that it does not expect, as the comma of "- a\n, b".
      problems_.error(codes::yaml_syntax, position(mark), "not valid YAML: no value can begin here",
                      "check the brackets and the indentation");
      throw give_up{};
    }
    last_document_ = mark.pos;
    open_.clear();
    nodes_ = 0;
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    yaml_node node = make(yaml_node::kind::null, mark);
    // A word such as null or ~ is text where text is wanted; nothing at all is not.
    for (std::string_view word : {"~", "null", "Null", "NULL"}) {
      if (text_.substr(std::min<size_t>(node.at.offset, text_.size())).starts_with(word)) {
        node.what = yaml_node::kind::scalar;
        node.text = word;
        node.plain = true;
      }
    }
    add(std::move(node));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    problems_.error(codes::alias, position(mark), "YAML aliases are not allowed",
                    "write the value out, or use a parameter: ${param.name}");
    add(invalid(mark));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    yaml_node node = make(yaml_node::kind::scalar, mark);
    node.text = value;
    node.plain = tag != "!" && !starts_block(node.at.offset);
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, yaml_node::kind::sequence);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, yaml_node::kind::map);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct level {
    yaml_node node;
    bool has_key = false;
    std::string key;
    source_position key_at;
    bool key_refused = false;
    std::unordered_set<std::string> keys;
  };

  bool starts_block(uint32_t offset) const { return offset < text_.size() && (text_[offset] == '|' || text_[offset] == '>'); }
  source_position position(const YAML::Mark& mark) const {
    size_t offset = static_cast<size_t>(std::max(mark.pos, 0)) + shift_;
    return {file_, static_cast<uint32_t>(std::min(offset, text_.size()))};
  }
  yaml_node make(yaml_node::kind what, const YAML::Mark& mark) {
    yaml_node node;
    node.what = what;
    node.at = position(mark);
    if (++nodes_ > limits::manifest_nodes) {
      problems_.error(codes::too_many_nodes, node.at,
                      "a document has more than " + std::to_string(limits::manifest_nodes) + " values",
                      "split it into several jobs");
      throw give_up{};
    }
    return node;
  }
  yaml_node invalid(const YAML::Mark& mark) {
    yaml_node node = make(yaml_node::kind::null, mark);
    node.invalid = true;
    return node;
  }
  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor)
      problems_.error(codes::alias, position(mark), "YAML anchors are not allowed",
                      "write the value out, or use a parameter: ${param.name}");
  }
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!")
      problems_.error(codes::tag, position(mark), "YAML tags are not allowed", "leave `" + tag + "` out");
  }
  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, yaml_node::kind what) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    level next;
    next.node = make(what, mark);
    if (open_.size() >= limits::manifest_depth) {
      problems_.error(codes::too_deep, next.node.at,
                      "values are nested deeper than " + std::to_string(limits::manifest_depth));
      throw give_up{};
    }
    open_.push_back(std::move(next));
  }
  void close() {
    yaml_node node = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(node));
  }
  void add(yaml_node node) {
    if (open_.empty()) {
      documents_.push_back(std::move(node));
      return;
    }
    level& parent = open_.back();
    if (parent.node.is_sequence()) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      parent.has_key = true;
      parent.key_at = node.at;
      parent.key = node.text;
      parent.key_refused = false;
      if (!node.is_scalar()) {
        if (!node.invalid) problems_.error(codes::key_not_text, node.at, "a key is text, not " + std::string(kind_name(node)));
        parent.key_refused = true;
      } else if (parent.key == "<<" && node.plain) {
        problems_.error(codes::merge_key, node.at, "YAML merge keys are not allowed", "write the keys out");
        parent.key_refused = true;
      } else if (!parent.keys.insert(parent.key).second) {
        problems_.error(codes::duplicate_key, node.at, "the key `" + parent.key + "` is given twice", "keep one of them");
        parent.key_refused = true;
      }
    } else {
      parent.has_key = false;
      if (node.what == yaml_node::kind::null && !node.invalid) node.at = parent.key_at;
      if (!parent.key_refused) parent.node.entries.push_back({std::move(parent.key), parent.key_at, std::move(node)});
    }
  }

  std::string_view text_;
  uint32_t file_;
  uint32_t shift_;
  diagnostics& problems_;
  size_t nodes_ = 0;
  int last_document_ = -1;  ///< where it began
  std::vector<level> open_;
  std::vector<yaml_node> documents_;
};

/// The offset of the first byte that is not UTF-8 or is a control character, or npos.
size_t first_bad_byte(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F) return i;
      ++i;
      continue;
    }
    const size_t length = c >= 0xF0 && c <= 0xF4 ? 4 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xC2 && c < 0xE0 ? 2 : 0;
    if (length == 0 || i + length > text.size()) return i;
    uint32_t point = c & (0xFF >> (length + 1));
    for (size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0) != 0x80) return i;
      point = point << 6 | (next & 0x3F);
    }
    if ((length == 3 && (point < 0x800 || (point >= 0xD800 && point < 0xE000))) ||
        (length == 4 && (point < 0x10000 || point > 0x10FFFF)))
      return i;
    i += length;
  }
  return std::string_view::npos;
}

}  // namespace

std::string_view kind_name(const yaml_node& node) {
  switch (node.what) {
    case yaml_node::kind::null: return "nothing";
    case yaml_node::kind::scalar: return "a single value";
    case yaml_node::kind::sequence: return "a list";
    case yaml_node::kind::map: return "a mapping";
  }
  return "nothing";
}

const yaml_node* yaml_node::find(std::string_view key) const {
  for (const entry& e : entries)
    if (e.key == key) return &e.value;
  return nullptr;
}
yaml_node* yaml_node::find(std::string_view key) {
  for (entry& e : entries)
    if (e.key == key) return &e.value;
  return nullptr;
}

std::vector<yaml_node> parse_yaml(const manifest_source& source, uint32_t file, diagnostics& problems) {
  if (source.text.size() > limits::manifest_bytes) {
    problems.error(codes::too_large, {file, 0},
                   "the file has " + std::to_string(source.text.size()) + " bytes, more than " +
                       std::to_string(limits::manifest_bytes));
    return {};
  }
  if (size_t bad = first_bad_byte(source.text); bad != std::string_view::npos) {
    problems.error(codes::not_utf8, {file, static_cast<uint32_t>(bad)}, "not UTF-8 text",
                   "save the file as UTF-8 without control characters");
    return {};
  }
  const uint32_t shift = source.text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
  tree_builder builder(source.text, file, shift, problems);
  try {
    std::istringstream stream(source.text.substr(shift));
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const give_up&) {
    return {};
  } catch (const YAML::Exception& error) {
    size_t offset = static_cast<size_t>(std::max(error.mark.pos, 0)) + shift;
    offset = std::min(offset, source.text.size());
    const size_t line = offset == 0 ? 0 : source.text.rfind('\n', offset - 1) + 1;
    const bool tab = source.text.find_first_not_of(' ', line) == source.text.find('\t', line) && line < source.text.size() &&
                     source.text.find('\t', line) != std::string::npos;
    problems.error(codes::yaml_syntax, {file, static_cast<uint32_t>(offset)}, "not valid YAML: " + error.msg,
                   tab ? "YAML is indented by spaces, not tabs"
                       : "check the brackets and the indentation; text that has `: ` or ` #` within, or starts with one of "
                         "`*&!|>%@{[`, goes into quotes");
  } catch (const std::exception& error) {
    problems.error(codes::yaml_syntax, {file, 0}, std::string("not valid YAML: ") + error.what());
  }
  return builder.take();
}

}  // namespace systole
