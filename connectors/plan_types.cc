#include "connectors/plan_types.h"

namespace systole {

data_type column_type(const proto::DataType& type) {
  return {static_cast<type_id>(type.id()), static_cast<uint8_t>(type.precision()), static_cast<uint8_t>(type.scale())};
}

std::vector<decoder_column> decoder_columns(const proto::Source& source) {
  std::vector<decoder_column> made;
  for (const proto::SourceColumn& each : source.columns()) {
    decoder_column column{.name = each.field().name(),
                          .type = column_type(each.field().type()),
                          .not_null = each.field().not_null()};
    column.path.assign(each.path().begin(), each.path().end());
    if (column.path.empty()) column.path.push_back(column.name);
    made.push_back(std::move(column));
  }
  return made;
}

decoder_options options_of(const proto::Source& source, size_t capacity) {
  const proto::Decoder& from = source.decoder();
  decoder_options made;
  made.capacity = capacity;
  made.unknown_fields_reject = from.unknown_fields_reject();
  made.strict_types = from.strict_types();
  made.lenient_text = from.lenient_json();
  made.keep_raw = source.needs_raw();
  made.header = from.header();
  if (!from.delimiter().empty()) made.delimiter = from.delimiter()[0];
  if (!from.quote().empty()) made.quote = from.quote()[0];
  made.null_words.assign(from.null_words().begin(), from.null_words().end());
  made.quoted_newlines = from.quoted_newlines();
  made.trim = from.trim();
  return made;
}

result<std::unique_ptr<record_decoder>> make_decoder(const proto::Source& source, size_t capacity) {
  switch (source.decoder().format()) {
    case proto::Decoder::JSON: return make_json_decoder(decoder_columns(source), options_of(source, capacity));
    case proto::Decoder::CSV: return make_csv_decoder(decoder_columns(source), options_of(source, capacity));
    default: return fail(error_code::invalid_argument, "a file source reads csv or json");
  }
}

}  // namespace systole
