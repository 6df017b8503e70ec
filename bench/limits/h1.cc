// h1 quality, by hand: one event per event_id, flags and department repair, NDJSON files published each second.
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <charconv>

#include "bench/limits/event_reader.h"

using namespace limits_bench;

namespace {

/// The fields of one event as JSON tokens; empty where absent.
struct event {
  std::string_view type, id, patient, gender, age, department, hospital, hospital_name, bed, admitted, expected, discharged,
      stay, status, priority, diagnosis, insurance, heart_rate, systolic, diastolic, temperature, oxygen, happened;
};

const absl::flat_hash_map<std::string_view, std::string_view>& repairs() {
  static const absl::flat_hash_map<std::string_view, std::string_view> table = {
      {"Emergancy", "Emergency"},  {"Emergncy", "Emergency"}, {"ER", "Emergency"},       {"EMERGENCY", "Emergency"},
      {"Surgey", "Surgery"},       {"Surgeyr", "Surgery"},    {"SURGERY", "Surgery"},    {"icu", "ICU"},
      {"I.C.U.", "ICU"},           {"IntensiveCare", "ICU"},  {"Paediatrics", "Pediatrics"},
      {"Pedeatrics", "Pediatrics"},{"PEDS", "Pediatrics"},    {"Maternty", "Maternity"}, {"Maternitiy", "Maternity"},
      {"OB/GYN", "Maternity"},     {"Oncolgy", "Oncology"},   {"Oncologgy", "Oncology"}, {"ONCO", "Oncology"},
      {"Cardiolgy", "Cardiology"}, {"Cardilogy", "Cardiology"}, {"CARDIO", "Cardiology"}};
  return table;
}

int to_int(std::string_view digits) {
  int value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

void text(std::string& out, std::string_view name, std::string_view value) {
  out.append(",\"").append(name).append("\":");
  if (value.empty()) out.append("null");
  else out.append("\"").append(value).append("\"");
}
void number(std::string& out, std::string_view name, std::string_view value) {
  out.append(",\"").append(name).append("\":").append(value.empty() ? "null" : value);
}

/// Appends the output line of one event.
void encode(std::string& out, const event& e) {
  out.append("{\"event_type\":\"").append(e.type).append("\"");
  text(out, "event_id", e.id), text(out, "patient_id", e.patient), text(out, "gender", e.gender), number(out, "age", e.age);
  const auto repair = repairs().find(e.department);
  text(out, "department", repair == repairs().end() ? e.department : repair->second);
  number(out, "hospital_id", e.hospital), text(out, "hospital_name", e.hospital_name), text(out, "bed_id", e.bed);
  text(out, "admission_time", e.admitted), text(out, "expected_discharge_time", e.expected);
  text(out, "discharge_time", e.discharged), number(out, "length_of_stay_hrs", e.stay);
  text(out, "discharge_status", e.status), text(out, "admission_priority", e.priority);
  text(out, "diagnosis_code", e.diagnosis), text(out, "insurance_type", e.insurance);
  number(out, "heart_rate", e.heart_rate), number(out, "bp_systolic", e.systolic), number(out, "bp_diastolic", e.diastolic);
  number(out, "temperature_f", e.temperature), number(out, "oxygen_saturation", e.oxygen);
  text(out, "event_timestamp", e.happened);
  out.append(",\"dq_flags\":\"");
  const size_t before = out.size();
  const auto flag = [&](std::string_view name) {
    if (out.size() > before) out.push_back('|');
    out.append(name);
  };
  const int64_t admitted = e.admitted.empty() ? 0 : parse_time(e.admitted);
  if (!e.admitted.empty() && admitted > parse_time(e.happened) + 3'600'000'000) flag("FUTURE_ADMISSION");
  if (const int age = to_int(e.age); !e.age.empty() && (age < 0 || age > 120)) flag("INVALID_AGE");
  if (!e.discharged.empty() && !e.admitted.empty() && parse_time(e.discharged) < admitted) flag("DISCHARGE_BEFORE_ADMIT");
  static const absl::flat_hash_set<std::string_view> departments = {"Emergency", "Surgery",  "ICU",       "Pediatrics",
                                                                     "Maternity", "Oncology", "Cardiology"};
  if (!departments.contains(e.department)) flag("DEPT_TYPO");
  if (const int hospital = to_int(e.hospital); hospital < 1 || hospital > 7) flag("INVALID_HOSPITAL_ID");
  if (out.size() == before) out.append("CLEAN");
  out.append("\"}\n");
}

/// The output: a hidden file that is synced and renamed each second.
class published_file {
 public:
  explicit published_file(std::string directory) : directory_(std::move(directory)) { open(); }
  std::string& buffer() { return buffer_; }
  void flush() {
    if (::write(file_, buffer_.data(), buffer_.size()) != static_cast<ssize_t>(buffer_.size())) die("write");
    buffer_.clear();
  }
  void publish(bool last) {
    flush();
    if (::fdatasync(file_) != 0) die("fdatasync");
    ::close(file_);
    const std::string name = directory_ + "/part-" + std::to_string(number_++) + ".ndjson";
    if (::rename((directory_ + "/.part").c_str(), name.c_str()) != 0) die("rename");
    if (!last) open();
  }

 private:
  void open() {
    file_ = ::open((directory_ + "/.part").c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
    if (file_ < 0) die(directory_.c_str());
  }
  std::string directory_, buffer_;
  int file_ = -1, number_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return std::fprintf(stderr, "usage: limit_h1 LOG OUTPUT_DIRECTORY FILE...\n"), 2;
  const auto started = std::chrono::steady_clock::now();
  second_log log(argv[1]);
  published_file out(argv[2]);
  absl::flat_hash_set<uuid> seen;
  uint64_t events = 0, rows = 0;
  ondemand::parser parser;
  const auto trimmed = [](std::string_view token) {
    while (!token.empty() && token.back() == ' ') token.remove_suffix(1);
    return token;
  };
  for_each_line({argv + 3, argv + argc}, [&](std::string_view line) {
    ++events;
    auto document = parser.iterate(line.data(), line.size(), line.size() + simdjson::SIMDJSON_PADDING);
    event e;
    const auto string_or_null = [](auto value) -> std::string_view {
      std::string_view token = value.raw_json_token();
      if (token[0] != '"') return {};
      token.remove_prefix(1);
      return token.substr(0, token.find('"'));
    };
    const auto number_or_null = [&](auto value) -> std::string_view {
      const std::string_view token = value.raw_json_token();
      return token[0] == 'n' ? std::string_view() : trimmed(token);
    };
    auto object = document.get_object();
    for (auto entry : object) {
      const std::string_view name = entry.unescaped_key();
      auto value = entry.value();
      switch (name[0]) {
        case 'e':
          (name == "event_type" ? e.type : name == "event_id" ? e.id : name == "event_timestamp" ? e.happened : e.expected) = string_or_null(value);
          break;
        case 'p': e.patient = string_or_null(value); break;
        case 'g': e.gender = string_or_null(value); break;
        case 'a':
          if (name == "age") e.age = number_or_null(value);
          else (name == "admission_time" ? e.admitted : e.priority) = string_or_null(value);
          break;
        case 'd':
          (name == "department" ? e.department : name == "discharge_time" ? e.discharged : name == "diagnosis_code" ? e.diagnosis : e.status) = string_or_null(value);
          break;
        case 'h':
          if (name == "hospital_id") e.hospital = number_or_null(value);
          else e.hospital_name = string_or_null(value);
          break;
        case 'b': e.bed = string_or_null(value); break;
        case 'i': e.insurance = string_or_null(value); break;
        case 'l': e.stay = number_or_null(value); break;
        case 'v':
          for (auto vital : value.get_object()) {
            const std::string_view vital_name = vital.unescaped_key();
            (vital_name == "heart_rate" ? e.heart_rate : vital_name == "bp_systolic" ? e.systolic : vital_name == "bp_diastolic" ? e.diastolic : vital_name == "temperature_f" ? e.temperature : e.oxygen) = number_or_null(vital.value());
          }
          break;
      }
    }
    const uuid id = parse_uuid(e.id);
    if (!seen.insert(id).second) return;
    log.append(&id, sizeof id);
    encode(out.buffer(), e);
    ++rows;
    if (out.buffer().size() > 256 * 1024) out.flush();
    if (events % 1024 == 0 && log.tick()) out.publish(false);
  });
  log.finish();
  out.publish(true);
  print_result("h1", events, rows, 0, started, process_cpu_seconds());
}
