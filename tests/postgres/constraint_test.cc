#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sink_setup.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// Writes one epoch; what is there of dead letters, "sqlstate,change,row" a line.
std::string dead_letters(const sink_setup& setup) {
  return server().query("SELECT sqlstate, change, coalesce(constraint_name, ''), row_data ->> 'id' FROM " + setup.schema_name +
                        ".dead ORDER BY 1, (row_data ->> 'id')::int");
}

sink_run::input one_epoch(const std::vector<test_row>& rows, bool changelog) { return {{test_batch(rows, changelog)}}; }

TEST(postgres_constraints, appended_rows_that_violate_one_are_set_aside_and_the_others_go_in) {
  sink_setup setup{.create = false, .dead_letter = "dead"};
  server().execute("CREATE TABLE " + setup.table() + " (id int PRIMARY KEY CHECK (id <> 13), name varchar(6) NOT NULL)");
  setup.create = true;  // for the dead-letter table
  temporary_directory folder;
  const std::string nul("a\0b", 3), bad("x\xff", 2);
  sink_run run(setup.maker(folder.path()),
               one_epoch({{1, "one"}, {2, "two"}, {2, "again"}, {13, "luck"}, {3, "too long"}, {4, nul}, {5, bad}, {6, "six"}}, false));
  ASSERT_EQ(message_of(run.run()), "fine");
  EXPECT_EQ(setup.rows(), "1,one\n2,two\n6,six\n");
  EXPECT_EQ(dead_letters(setup), "22001,insert,,3\n22021,insert,,4\n22021,insert,,5\n23505,insert,out_pkey,2\n23514,insert,out_id_check,13\n");
  EXPECT_EQ(server().query("SELECT row_data ->> 'name' FROM " + setup.schema_name + ".dead WHERE row_data ->> 'id' = '4'"), "a\xef\xbf\xbd" "b\n");
}

TEST(postgres_constraints, upserts_and_deletions_that_violate_one_are_set_aside) {
  sink_setup setup{.upsert = true, .dead_letter = "dead"};
  server().execute("CREATE TABLE " + setup.table() + " (id int PRIMARY KEY, name text CHECK (name <> 'bad')); CREATE TABLE " + setup.schema_name +
                   ".child (of int REFERENCES " + setup.table() + ")");
  temporary_directory folder;
  sink_run::input rows = one_epoch({{1, "one"}, {2, "two"}, {3, "bad"}}, true);
  rows.push_back({test_batch({{1, "one", row_kind::erase}, {2, "two", row_kind::erase}, {4, "four"}, {5, "bad"}}, true)});
  sink_run run(setup.maker(folder.path()), rows);
  run.after_commit = [&](const test_checkpoint& checkpoint) -> result<void> {
    if (checkpoint.position == 1) server().execute("INSERT INTO " + setup.schema_name + ".child VALUES (2)");
    return {};
  };
  ASSERT_EQ(message_of(run.run()), "fine");
  EXPECT_EQ(setup.rows(), "2,two\n4,four\n");
  EXPECT_EQ(dead_letters(setup), "23503,delete,child_of_fkey,2\n23514,insert,out_name_check,3\n23514,insert,out_name_check,5\n");
}

TEST(postgres_constraints, one_row_in_a_thousand_of_many_is_found) {
  sink_setup setup{.dead_letter = "dead"};
  server().execute("CREATE TABLE " + setup.table() + " (id int CHECK (id % 1000 <> 7), name text)");
  std::vector<test_row> rows;
  constexpr int count = 100'000;
  for (int i = 0; i < count; ++i) rows.push_back({i, "name"});
  temporary_directory folder;
  sink_run run(setup.maker(folder.path()), one_epoch(rows, false));
  ASSERT_EQ(message_of(run.run()), "fine");
  EXPECT_EQ(server().query("SELECT count(*), sum(id) FROM " + setup.table()), "99900,4994999300\n");
  EXPECT_EQ(server().query("SELECT count(*), count(DISTINCT row_data ->> 'id') FROM " + setup.schema_name + ".dead"), "100,100\n");
}

TEST(postgres_constraints, without_a_dead_letter_a_violation_stops_the_sink_and_tells_no_value) {
  sink_setup setup;
  server().execute("CREATE TABLE " + setup.table() + " (id int UNIQUE, name varchar(6))");
  temporary_directory folder;
  sink_run run(setup.maker(folder.path()), one_epoch({{4711, "first"}, {4711, "second"}}, false));
  const auto ran = run.run();
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().sqlstate, "23505");
  EXPECT_THAT(ran.error().message, AllOf(HasSubstr("out_id_key"), HasSubstr("deadLetterTable"), Not(HasSubstr("4711"))));
  EXPECT_EQ(setup.rows(), "");
}

TEST(postgres_constraints, of_an_epoch_that_fails_nothing_stays) {
  sink_setup setup{.dead_letter = "dead"};
  server().execute("CREATE TABLE " + setup.table() + " (id int CHECK (id > 0), name text)");
  bool failed = false;
  setup.on_phase = [&](std::string_view phase) {
    if (phase != "applied" || failed) return;
    failed = true;
    server().kill();
    server().start();
  };
  temporary_directory folder;
  sink_run run(setup.maker(folder.path()), one_epoch({{1, "one"}, {-1, "minus"}}, false));
  ASSERT_EQ(message_of(run.run()), "fine");
  EXPECT_EQ(setup.rows(), "1,one\n");
  EXPECT_EQ(dead_letters(setup), "23514,insert,out_id_check,-1\n");
}

schema all_types() {
  return {{{"flag", {type_id::boolean}},
           {"small", {type_id::int32}, false},
           {"large", {type_id::int64}},
           {"real", {type_id::float64}},
           {"money", {type_id::numeric, 12, 2}},
           {"any_number", {type_id::numeric}},
           {"note", {type_id::text}},
           {"bytes", {type_id::bytea}},
           {"day", {type_id::date}},
           {"moment", {type_id::timestamptz}},
           {"span", {type_id::interval}}}};
}

TEST(postgres_tables, create_table_has_the_exact_types) {
  sink_setup setup{.upsert = true};
  setup.columns = all_types();
  setup.key = {"small", "note"};
  temporary_directory folder;
  auto committer = setup.make(folder.path()).value()->make_committer(1).value();
  ASSERT_EQ(message_of(committer->recover(epoch_id(0))), "fine");
  EXPECT_EQ(server().query("SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute WHERE attrelid = '" + setup.table() +
                           "'::regclass AND attnum > 0 ORDER BY attnum"),
            "flag,boolean,f\nsmall,integer,t\nlarge,bigint,f\nreal,double precision,f\nmoney,numeric(12,2),f\nany_number,numeric,f\n"
            "note,text,f\nbytes,bytea,f\nday,date,f\nmoment,timestamp with time zone,f\nspan,interval,f\n");
  EXPECT_THAT(server().query("SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '" + setup.table() + "'::regclass"),
              HasSubstr("(small, note) NULLS NOT DISTINCT"));
}

TEST(postgres_tables, null_is_a_key_like_any_other) {
  sink_setup setup{.upsert = true};
  setup.key = {"name"};
  temporary_directory folder;
  const auto batch_of = [](int32_t id, row_kind kind) {
    column_builder ids({type_id::int32}, 1), names({type_id::text}, 1), kinds({type_id::boolean}, 1);
    ids.append<int32_t>(id);
    names.append_null();
    kinds.append<uint8_t>(static_cast<uint8_t>(kind));
    batch made(1, {ids.finish(), names.finish()});
    made.set_hidden(hidden::kind, kinds.finish());
    return made;
  };
  sink_run run(setup.maker(folder.path()), {{batch_of(1, row_kind::insert)}, {batch_of(2, row_kind::update_after)}});
  ASSERT_EQ(message_of(run.run()), "fine");
  EXPECT_EQ(setup.rows(), "2,\n");
  sink_setup again = setup;
  again.schema_name = fresh_schema();
  temporary_directory other;
  sink_run gone(again.maker(other.path()), {{batch_of(1, row_kind::insert)}, {batch_of(1, row_kind::erase)}});
  ASSERT_EQ(message_of(gone.run()), "fine");
  EXPECT_EQ(again.rows(), "");
}

TEST(postgres_tables, all_that_is_wrong_with_a_table_is_told_at_once_with_what_to_run) {
  sink_setup setup{.upsert = true, .create = false};
  setup.columns = all_types();
  setup.key = {"small"};
  temporary_directory folder;
  const auto complaint = [&] {
    const auto done = setup.make(folder.path()).value()->check_target();
    return done ? std::string("fine") : done.error().message;
  };
  const std::string missing = complaint();
  EXPECT_THAT(missing, AllOf(HasSubstr("does not exist"), HasSubstr("CREATE TABLE IF NOT EXISTS"), HasSubstr("\"money\" numeric(12,2)")));
  server().execute("CREATE TABLE " + setup.table() +
                   " (flag text, small int NOT NULL, large int, \"real\" float8, money numeric(12,1), any_number numeric(5,2), "
                   "bytes bytea, day date, moment timestamp, span interval, must int NOT NULL)");
  const std::string told = complaint();
  for (const char* each : {"column note is missing", "column flag is text, its values are boolean", "column large is integer", "money is numeric(12,1)",
                           "any_number is numeric(5,2)", "moment is timestamp without time zone", "column must is NOT NULL", "unique constraint on the key",
                           "ADD PRIMARY KEY (\"small\")", "ADD COLUMN \"note\" text", "ALTER COLUMN \"moment\" TYPE timestamp with time zone"})
    EXPECT_THAT(told, HasSubstr(each));
  // What it says cures it.
  const std::string statements = told.substr(told.find("; run: ") + 7);
  server().execute("ALTER TABLE " + setup.table() + " ALTER flag TYPE boolean USING flag::boolean; " +
                   statements.substr(statements.find("TYPE boolean;") + 13));
  EXPECT_EQ(complaint(), "fine");
}

TEST(postgres_tables, wider_columns_and_views_of_rights) {
  sink_setup setup{.create = false};
  setup.columns = {{{"id", {type_id::int32}}, {"name", {type_id::text}}, {"n", {type_id::int64}}}};
  server().execute("CREATE DOMAIN " + setup.schema_name + ".word AS varchar(20); CREATE TABLE " + setup.table() + " (id bigint, name " +
                   setup.schema_name + ".word, n numeric(20,1), made timestamptz DEFAULT now())");
  temporary_directory folder;
  column_builder ids({type_id::int32}, 1), names({type_id::text}, 1), numbers({type_id::int64}, 1);
  ids.append<int32_t>(-7);
  names.append_text_copy("x");
  numbers.append<int64_t>(-123'456'789'012);
  sink_run run(setup.maker(folder.path()), {{batch(1, {ids.finish(), names.finish(), numbers.finish()})}});
  ASSERT_EQ(message_of(run.run()), "fine");
  EXPECT_EQ(server().query("SELECT id, name, n FROM " + setup.table()), "-7,x,-123456789012.0\n");
  // A role without rights is told which.
  server().execute("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA " + setup.schema_name + " TO reader");
  proto::Node node = setup.node();
  (*node.mutable_sink()->mutable_connection()->mutable_settings())["user"] = "reader";
  connector_context context;
  context.job = "test";
  context.outbox_directory = folder.path();
  context.files = &posix_file_system();
  const auto done = postgres_sink_factory::make(node, {setup.columns, false, {}}, context).value()->check_target();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("GRANT INSERT ON"));
}

}  // namespace
}  // namespace systole::testing
