#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "actors/local_job.h"

namespace systole {

/// Shows a running job on standard error: a live line on a terminal, plain lines every few seconds elsewhere, or a JSON line
/// each second for programs. One thread.
class progress_display {
 public:
  enum class style { none, plain, live, json };
  /// `none`, `plain`, `live`, `json`, or `auto`: live where stderr is a terminal and `console_in_use` is false.
  static std::optional<style> parse(const std::string& name, bool console_in_use);

  progress_display(style how, bool color) : style_(how), color_(color) {}
  void show(const job_progress& progress);
  void tell(const job_event& event);
  /// Clears the live line.
  void end();
  /// Seconds from the start of the process's job to the first row at a sink; below 0: none yet.
  double first_row_seconds() const { return first_row_seconds_; }

 private:
  std::string line(const job_progress& progress) const;
  void print_json(const job_progress& progress) const;

  style style_;
  bool color_;
  bool on_live_line_ = false;
  double first_row_seconds_ = -1;
  std::optional<std::chrono::microseconds> last_shown_;
};

/// The accounting of a run as a table: where the rows of each step went.
std::string accounting_table(const std::vector<step_report>& steps);

/// 12,345,678
std::string grouped(uint64_t number);
/// "1.5 GiB"
std::string readable_bytes(uint64_t bytes);

}  // namespace systole
