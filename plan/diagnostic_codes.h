#pragma once

/// The numbers in `error[SYS0123]`. They are stable: never reuse one. docs/manifest.md explains each.
namespace systole::codes {

// The file.
inline constexpr int too_large = 1;
inline constexpr int not_utf8 = 2;
inline constexpr int yaml_syntax = 3;
inline constexpr int too_deep = 4;
inline constexpr int too_many_nodes = 5;
inline constexpr int alias = 6;
inline constexpr int merge_key = 7;
inline constexpr int duplicate_key = 8;
inline constexpr int tag = 9;
inline constexpr int key_not_text = 10;
inline constexpr int no_job = 11;
inline constexpr int several_jobs = 12;
inline constexpr int unknown_document = 13;

// The shape of what is in it.
inline constexpr int unknown_key = 100;
inline constexpr int not_in_this_build = 101;
inline constexpr int missing_key = 102;
inline constexpr int wrong_kind = 103;
inline constexpr int wrong_scalar = 104;
inline constexpr int not_a_choice = 105;
inline constexpr int out_of_range = 106;
inline constexpr int bad_name = 107;
inline constexpr int one_of = 108;
inline constexpr int empty = 109;
inline constexpr int unknown_type = 110;
inline constexpr int excluded_key = 111;

// Names and the graph.
inline constexpr int duplicate_name = 200;
inline constexpr int unknown_name = 201;
inline constexpr int cycle = 202;
inline constexpr int wrong_inputs = 203;
inline constexpr int dead_letter = 204;
inline constexpr int duplicate_column = 205;
inline constexpr int unknown_column = 206;
inline constexpr int wrong_connection = 207;
inline constexpr int unknown_parameter = 210;
inline constexpr int parameter_without_value = 211;
inline constexpr int bad_parameter_value = 212;

// Expressions and types.
inline constexpr int expression = 300;
inline constexpr int wrong_type = 301;
inline constexpr int column_type = 302;
inline constexpr int misplaced_aggregate = 303;
inline constexpr int not_deterministic = 304;
inline constexpr int window_call = 305;
inline constexpr int join_condition = 306;
inline constexpr int parameter_in_sql = 307;

// Streams.
inline constexpr int changelog_into_append = 400;
inline constexpr int not_the_upsert_key = 401;
inline constexpr int needs_append = 402;
inline constexpr int needs_event_time = 403;
inline constexpr int needs_primary_key = 404;

// Warnings.
inline constexpr int unused_step = 900;
inline constexpr int not_replayable = 901;
inline constexpr int other_time_column = 902;
inline constexpr int no_watermark = 903;
inline constexpr int growing_state = 904;
inline constexpr int left_out = 905;

}  // namespace systole::codes
