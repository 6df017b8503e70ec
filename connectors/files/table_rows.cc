#include "connectors/files/table_rows.h"

#include <xxhash.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/limits.h"

namespace systole {
namespace {

constexpr std::string_view rows_magic = "SYSTAB1\n";
constexpr uint64_t longest_rows_file = uint64_t{1} << 40;

}  // namespace

table_rows::table_rows(std::string format, schema columns, std::vector<size_t> key)
    : format_(std::move(format)),
      columns_(std::move(columns)),
      key_(std::move(key)),
      encoder_(make_encoder(format_, columns_).value()) {}

void table_rows::apply(const batch& rows) {
  std::vector<const column*> key;
  if (key_.empty())
    for (const column_ptr& each : rows.columns()) key.push_back(each.get());
  for (size_t index : key_) key.push_back(&rows.at(index));
  encoded_.encode(key, rows.rows());
  text_.clear();
  line_ends_.clear();
  encoder_->encode(rows, text_, &line_ends_);
  for (size_t row = 0; row < rows.rows(); ++row) {
    const int by = sign(rows.kind(row));
    std::string bytes(encoded_.key(row));
    if (!key_.empty() && by < 0) {
      lines_.erase(bytes);
      continue;
    }
    line& each = lines_[std::move(bytes)];
    if (each.text.empty() || !key_.empty()) {
      const size_t begin = row ? line_ends_[row - 1] : 0;
      each.text = text_.view().substr(begin, line_ends_[row] - begin);
    }
    each.count = key_.empty() ? each.count + by : 1;
    if (each.count == 0) lines_.erase(std::string(encoded_.key(row)));
  }
}

result<void> table_rows::write(const table_publication::put_block& put) const {
  encode_buffer header;
  encoder_->append_header(header);
  SYSTOLE_TRY(put(header.view()));
  std::vector<std::pair<std::string_view, const line*>> sorted;
  sorted.reserve(lines_.size());
  for (const auto& [key, each] : lines_) sorted.emplace_back(key, &each);
  std::sort(sorted.begin(), sorted.end());
  for (const auto& [key, each] : sorted) {
    if (each->count < 0) return fail(error_code::data, "a row was retracted that the table does not have", "21000");
    for (int64_t n = 0; n < each->count; ++n) SYSTOLE_TRY(put(each->text));
  }
  return {};
}

std::string table_rows::saved() const {
  std::string bytes(rows_magic);
  for (const auto& [key, each] : lines_) {
    append_bytes(bytes, key);
    append_bytes(bytes, each.text);
    append_fixed(bytes, each.count);
  }
  append_fixed(bytes, static_cast<uint64_t>(XXH3_64bits(bytes.data(), bytes.size())));
  return bytes;
}

result<void> table_rows::load(file_system& files, const std::string& path) {
  const failure broken = fail(error_code::corrupt, "a table's saved rows are damaged: " + path);
  SYSTOLE_ASSIGN(const std::string bytes, files.read_all(path, longest_rows_file));
  if (bytes.size() < rows_magic.size() + 8) return broken;
  const std::string_view body = std::string_view(bytes).substr(0, bytes.size() - 8);
  if (byte_reader(std::string_view(bytes).substr(body.size())).fixed<uint64_t>() != XXH3_64bits(body.data(), body.size()))
    return broken;
  if (!body.starts_with(rows_magic)) return broken;
  lines_.clear();
  byte_reader in(body.substr(rows_magic.size()));
  while (in.ok() && !in.at_end()) {
    std::string key(in.bytes());
    std::string text(in.bytes());
    lines_[std::move(key)] = {std::move(text), in.fixed<int64_t>()};
  }
  return in.ok() ? result<void>() : broken;
}

}  // namespace systole
