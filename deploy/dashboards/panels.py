"""The panels of the dashboards: each is a title, a unit, queries with their legends, and what a reader should know.
In queries JOB stands for the chosen jobs and WINDOW for the span of rates."""

OF_JOB = 'job_name=~"JOB"'


def by_step(metric, how="sum"):
    return f"{how} by (job_name, step) ({metric}{{{OF_JOB}}})"


def rate(metric, by="job_name, step", more="", how="sum"):
    return f"{how} by ({by}) (rate({metric}{{{OF_JOB}{more}}}[WINDOW]))"


def quantile(which, metric, by="job_name, step"):
    return f"histogram_quantile({which}, sum by ({by}, le) (rate({metric}_bucket{{{OF_JOB}}}[WINDOW])))"


STEP = "{{job_name}} {{step}}"

ENGINE = {
    "uid": "systole-engine", "title": "Systole engine", "file": "engine",
    "variable": "label_values(systole_job_state, job_name)",
    "numbers": [
        ("Jobs running", "", 'count(max by (job_name) (systole_job_state{state="running", ' + OF_JOB + '}) == 1)'),
        ("Processes answering", "", 'sum(up{job=~"systole-.+"})'),
        ("Slots used", "", "sum(systole_worker_slots_used)"),
        ("Slots", "", "sum(systole_worker_slots)"),
        ("Restarts in an hour", "", f"sum(increase(systole_job_restarts_total{{{OF_JOB}}}[1h]))"),
        ("Oldest checkpoint, in intervals", "", f"max(job_name:systole_checkpoint_age:intervals{{{OF_JOB}}})"),
    ],
    "rows": [
        ("Rows", [
            ("Rows in", "rows/s", [(rate("systole_step_records_in_total"), STEP)], "Of a source: its records."),
            ("Rows out", "rows/s", [(rate("systole_step_records_out_total"), STEP)], ""),
            ("Rejections by rule", "rows/s", [(rate("systole_step_records_rejected_total", "job_name, step, rule"), STEP + " {{rule}}"),
                                              (rate("systole_step_records_flagged_total", "job_name, step, rule"), STEP + " {{rule}} (flag)")],
             "A row that two rules reject counts twice."),
            ("Rejected rows", "share", [(f"job_name_step:systole_step_rejected:ratio5m{{{OF_JOB}}}", STEP)], "Of the rows that came."),
            ("Late rows", "rows/s", [(rate("systole_step_records_late_total"), STEP)], "They came after their window was closed."),
        ]),
        ("Being behind", [
            ("Lag", "rows", [(by_step("systole_source_lag_records"), STEP),
                             (by_step("systole_source_lag_records_max", "max"), STEP + " worst subtask")],
             "Records that are there and not read yet; of files an estimate."),
            ("Event time behind the clock", "s", [(by_step("systole_source_event_time_lag_seconds", "max"), STEP)],
             "The clock minus the source's watermark."),
            ("Watermark behind the clock", "s", [(f"time() - job_name_step:systole_step_watermark_timestamp_seconds:min{{{OF_JOB}}}", STEP)], ""),
            ("End-to-end latency", "s", [(quantile(0.5, "systole_end_to_end_latency_seconds"), STEP + " median"),
                                         (quantile(0.99, "systole_end_to_end_latency_seconds"), STEP + " p99")],
             "From a row's reading to its being visible: by its sink's write, or by its epoch's commit."),
        ]),
        ("Load", [
            ("Busiest subtask", "share", [(rate("systole_step_busy_seconds_max_total", how="max"), STEP)],
             "1: a thread is full. Steps of one task share its figures."),
            ("Busy", "threads", [(rate("systole_step_busy_seconds_total"), STEP)], ""),
            ("Held subtask", "share", [(rate("systole_step_backpressured_seconds_max_total", how="max"), STEP)],
             "Back pressure: it has something to do and no room downstream."),
            ("Held", "threads", [(rate("systole_step_backpressured_seconds_total"), STEP)], ""),
            ("Queues", "B", [(by_step("systole_edge_queue_bytes"), STEP), (by_step("systole_edge_queue_bytes_max", "max"), STEP + " worst subtask")],
             "What came from other tasks and waits."),
            ("State in memory", "B", [(by_step("systole_step_state_bytes"), STEP), (by_step("systole_step_state_bytes_max", "max"), STEP + " worst subtask")], ""),
            ("Memory of processes", "B", [("systole_worker_memory_bytes", "{{instance}}"), ("systole_worker_memory_limit_bytes", "{{instance}} limit of state and buffers")], ""),
        ]),
        ("Checkpoints", [
            ("Age of the last checkpoint", "s", [(f"time() - max by (job_name) (systole_checkpoint_last_success_timestamp_seconds{{{OF_JOB}}})", "{{job_name}}")], ""),
            ("Epochs", "1/s", [(rate("systole_checkpoints_total", "job_name, status"), "{{job_name}} {{status}}")], ""),
            ("Duration", "s", [(quantile(0.99, "systole_checkpoint_duration_seconds", "job_name"), "{{job_name}} p99"),
                               (quantile(0.99, "systole_checkpoint_alignment_seconds", "job_name"), "{{job_name}} alignment p99")], ""),
            ("Size", "B", [(f"max by (job_name) (systole_checkpoint_last_size_bytes{{{OF_JOB}}})", "{{job_name}}")], ""),
        ]),
        ("Sinks", [
            ("Rows published", "rows/s", [(rate("systole_sink_records_committed_total"), STEP)], ""),
            ("Commit duration", "s", [(quantile(0.99, "systole_sink_commit_duration_seconds"), STEP + " p99")], ""),
            ("Errors", "1/s", [(rate("systole_sink_errors_total"), STEP)], ""),
            ("Restarts by reason", "1/s", [(rate("systole_job_restarts_total", "job_name, reason"), "{{job_name}} {{reason}}")], ""),
        ]),
    ],
}


def result(column, by, how="sum"):
    return f"{how} by ({by}) (systole_result_{column}{{{OF_JOB}}})"


HOSPITAL = {
    "uid": "systole-hospital", "title": "Hospital operations", "file": "hospital",
    "variable": "label_values(systole_result_full, job_name)",
    "numbers": [
        ("Beds occupied", "", f"sum(systole_result_occupied_beds{{{OF_JOB}}})"),
        ("Beds", "", f"sum(systole_result_bed_capacity{{{OF_JOB}}})"),
        ("Occupancy", "%", f"100 * sum(systole_result_occupied_beds{{{OF_JOB}}}) / sum(systole_result_bed_capacity{{{OF_JOB}}})"),
        ("Discharges", "", f"sum(systole_result_total_discharges{{{OF_JOB}}})"),
        ("Revenue", "", f"sum(systole_result_revenue{{{OF_JOB}}})"),
        ("Seconds since the events", "s", f"max(systole_source_event_time_lag_seconds{{{OF_JOB}}} or (time() - systole_checkpoint_last_success_timestamp_seconds{{{OF_JOB}}}))"),
    ],
    "rows": [
        ("Occupancy", [
            ("Occupied beds by department", "beds", [(result("occupied_beds", "department"), "{{department}}")], "The last known state of each patient."),
            ("Occupancy by department", "%", [(f"100 * {result('occupied_beds', 'department')} / {result('bed_capacity', 'department')}", "{{department}}")], "Above 85 % waiting times rise."),
            ("Occupied beds by hospital", "beds", [(result("occupied_beds", "hospital_id"), "hospital {{hospital_id}}")], ""),
            ("Fullest units", "%", [(f"topk(5, systole_result_occupancy_pct{{{OF_JOB}}})", "{{department}}, hospital {{hospital_id}}")], ""),
        ]),
        ("Length of stay", [
            ("Average stay", "h", [(result("avg_stay_hrs", "department", "max"), "{{department}}")], "Of all discharges so far."),
            ("Discharges", "", [(result("total_discharges", "department"), "{{department}}")], ""),
        ]),
        ("Billing", [
            ("Revenue by department", "", [(result("revenue", "department"), "{{department}}")], ""),
            ("Insurance and patients", "", [(f"sum(systole_result_insurance{{{OF_JOB}}})", "insurance"), (f"sum(systole_result_patient{{{OF_JOB}}})", "patients")], ""),
            ("Paid bills", "%", [(result("payment_rate_pct", "department", "max"), "{{department}}")], ""),
            ("Bills", "", [(result("bills", "department"), "{{department}}")], ""),
        ]),
        ("Data quality", [
            ("Flags by rule", "rows/s", [(rate("systole_step_records_flagged_total", "rule"), "{{rule}}")], ""),
            ("Rejections by rule", "rows/s", [(rate("systole_step_records_rejected_total", "job_name, rule"), "{{job_name}} {{rule}}")], "The rows are in the dead letter."),
        ]),
    ],
}

DASHBOARDS = [ENGINE, HOSPITAL]
