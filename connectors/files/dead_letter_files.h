#pragma once

#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/result.h"
#include "data/dead_letter_entry.h"

namespace systole {

/// Reads published entries of a dead letter in files: parts by name, which is the order of their epochs. A page ends at
/// the query's number, at limits::dead_letter_page_bytes of lines taken or limits::dead_letter_scan_bytes of lines
/// looked at, whichever is first. No folder yet: no entries. Blocks. `invalid_argument` for an `after` that is no id,
/// `corrupt` for a line that no dead letter has, `limit_exceeded` for one beyond limits::dead_letter_line_bytes; both
/// name its id, after which one can go on.
result<dead_letter_page> read_dead_letter_files(file_system& files, const std::string& folder,
                                                const dead_letter_query& query);

/// A line as dead_letter_encoder writes it; its id and source are the caller's.
result<dead_letter_entry> parse_dead_letter(std::string_view line);

}  // namespace systole
