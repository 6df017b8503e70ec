#include "tests/connectors/generated_events.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "formats/record_decoder.h"

namespace systole {

std::string lines_of(const patient_flow_options& options, size_t events, size_t at_once) {
  patient_flow_generator generator(options);
  std::string out;
  for (size_t made = 0; made < events;) {
    const size_t got = generator.generate(out, std::min(at_once, events - made));
    if (got == 0) break;
    made += got;
  }
  return out;
}

namespace {

std::vector<decoder_column> event_columns() {
  const data_type text{type_id::text}, number{type_id::int32}, time{type_id::timestamptz},
      decimal{type_id::numeric, 10, 2};
  const std::vector<std::pair<std::string, data_type>> fields = {{"event_type", text},
                                                                 {"event_id", text},
                                                                 {"patient_id", text},
                                                                 {"gender", text},
                                                                 {"age", number},
                                                                 {"department", text},
                                                                 {"hospital_id", number},
                                                                 {"hospital_name", text},
                                                                 {"bed_id", text},
                                                                 {"admission_time", time},
                                                                 {"expected_discharge_time", time},
                                                                 {"discharge_time", time},
                                                                 {"length_of_stay_hrs", decimal},
                                                                 {"discharge_status", text},
                                                                 {"admission_priority", text},
                                                                 {"diagnosis_code", text},
                                                                 {"insurance_type", text},
                                                                 {"vitals.heart_rate", number},
                                                                 {"vitals.temperature_f", decimal},
                                                                 {"event_timestamp", time}};
  std::vector<decoder_column> made;
  for (const auto& [name, type] : fields) {
    decoder_column column{.name = name, .path = {name}, .type = type};
    if (const size_t dot = name.find('.'); dot != std::string::npos)
      column.path = {name.substr(0, dot), name.substr(dot + 1)};
    made.push_back(column);
  }
  return made;
}

}  // namespace

batch decoded(const std::string& lines, size_t events) {
  decoder_options options;
  options.capacity = events;
  options.strict_types = true;
  auto decoder = make_json_decoder(event_columns(), options).value();
  auto bytes = std::make_shared<std::string>(lines);
  bytes->append(decode_padding, '\0');
  size_t at = 0;
  while (at < lines.size()) {
    const record_span span{bytes->data() + at, lines.size() - at, bytes, bytes->data() + lines.size(), at, true};
    const size_t used = decoder->decode(span, events - decoder->pending_records()).value();
    EXPECT_GT(used, 0u);
    if (used == 0) break;
    at += used;
  }
  decoded_records made = decoder->take();
  EXPECT_TRUE(made.rejects.empty()) << made.rejects[0].reason;
  return batch(made.rows, std::move(made.columns));
}

}  // namespace systole
