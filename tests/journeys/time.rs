//! Local times, dates, recurring instants, and hosts that come late.

use crate::steps::SHOP;
use crate::story::{Story, at, check, errors, read};
use bespoke::engine::Partition;
use bespoke::model::{Duration, Instant, Message};

/// A journey that an `add` begins, with these steps.
fn with_steps(steps: &str) -> String {
    format!("{SHOP}[journeys.j]\nenter = {{ event = 'add' }}\nstep = [{steps}]")
}

const PUSH: &str = "{ id = 'push', send = { channel = 'push', template = 't' } }";

/// What a story leads to where the host moves the clock as the story says and no oftener.
#[track_caller]
fn once(definitions: &str, story: &str, expected: &[&str]) {
    let told = Story::new(&read(definitions)).tell(story);
    assert_eq!(told.lines().collect::<Vec<_>>(), expected, "{story}");
}

#[test]
fn waits_for_a_local_time() {
    // 2026-11-23 is a Monday; Paris is an hour ahead of UTC.
    for (wait, begun, until) in [
        ("at = '19:00'", "10:00", "18:00"),
        ("at = '19:00'", "18:00", ""),
        ("at = '19:00'", "18:30", "24T18:00"),
        ("day = 'today', at = '19:00'", "10:00", "18:00"),
        ("day = 'today', at = '19:00'", "20:00", ""),
        ("day = 'today', at = '00:15'", "23:30", ""),
        ("day = 'tomorrow', at = '07:30'", "10:00", "24T06:30"),
        ("day = 'tomorrow', at = '07:30'", "23:30", "25T06:30"),
        ("day = 'entry', at = '19:00'", "10:00", "18:00"),
        ("day = 'monday', at = '19:00'", "10:00", "18:00"),
        ("day = 'monday', at = '10:00'", "10:00", "30T09:00"),
        ("day = 'sunday', at = '10:00:30'", "10:00", "29T09:00:30"),
    ] {
        let definitions = with_steps(&format!("{{ id = 'w', wait_until = {{ {wait} }} }}, {PUSH}"));
        let mut told = vec![format!("{begun} ada j: entered")];
        if !until.is_empty() {
            told.push(format!("{begun} ada j, step w: waits until {until}"));
        }
        let sent = if until.is_empty() { begun } else { until };
        told.push(format!("{sent} ada j, step push: sent by push"));
        told.push(format!("{sent} ada j: completed"));
        let story = format!("01:00 ada identify timezone=Europe/Paris\n{begun} ada add\n{sent} advance");
        check(&definitions, &story, &told.join("\n"));
    }
}

/// Half past seven in the evening, where nothing is known of anybody.
const BEST: &str = "\n[delivery]\nsend_time = { explore = 0.0, fallback = '19:30' }\n";

#[test]
fn waits_for_the_best_hour() {
    let evening = ", between = '17:00-21:30'";
    for (wait, between, begun, until) in [
        ("at = 'best'", "", "10:00", "18:30"),
        ("at = 'best', fallback = '21:00'", evening, "10:00", "20:00"),
        // The fallback may not be: the first instant that may.
        ("at = 'best'", ", between = '17:00-19:00'", "10:00", "16:00"),
        // It is the hour already.
        ("at = 'best'", evening, "18:45", ""),
        ("day = 'today', at = 'best'", evening, "10:00", "18:30"),
        ("day = 'today', at = 'best'", evening, "21:00", ""),
        ("day = 'tomorrow', at = 'best'", "", "10:00", "24T18:30"),
        ("day = 'tomorrow', at = 'best'", ", between = '06:00-09:00'", "23:30", "25T05:00"),
        ("day = 'entry', at = 'best'", "", "10:00", "18:30"),
        ("day = 'monday', at = 'best'", evening, "10:00", "18:30"),
        ("day = 'monday', at = 'best'", ", between = '06:00-09:00'", "10:00", "30T05:00"),
        ("day = 'sunday', at = 'best'", "", "10:00", "29T18:30"),
    ] {
        let steps = format!("{{ id = 'w', wait_until = {{ {wait}{between} }} }}, {PUSH}");
        let definitions = with_steps(&steps) + BEST;
        let mut told = vec![format!("{begun} ada j: entered")];
        if !until.is_empty() {
            told.push(format!("{begun} ada j, step w: waits until {until}"));
        }
        let sent = if until.is_empty() { begun } else { until };
        told.push(format!("{sent} ada j, step push: sent by push"));
        told.push(format!("{sent} ada j: completed"));
        let story = format!("01:00 ada identify timezone=Europe/Paris\n{begun} ada add\n{sent} advance");
        check(&definitions, &story, &told.join("\n"));
    }
}

#[test]
fn the_best_hour_comes_once_a_day_and_where_the_user_is() {
    let round = format!("{{ id = 'w', wait_until = {{ at = 'best' }} }}, {PUSH}, {{ id = 'g', goto = 'w' }}");
    let story = "10:00 ada add\n12:00 ada identify timezone=Europe/Paris\n19:00 advance\n24T23:00 advance";
    check(
        &(with_steps(&round) + BEST),
        story,
        "10:00 ada j: entered
         10:00 ada j, step w: waits until 19:30
         12:00 ada j, step w: zone changed, deferred until 18:30
         18:30 ada j, step push: sent by push
         18:30 ada j, step w: waits until 24T18:30
         24T18:30 ada j, step push: sent by push
         24T18:30 ada j, step w: waits until 25T18:30",
    );
}

#[test]
fn the_send_behind_a_wait_for_the_best_hour_says_how_probable_it_was() {
    let wait = "{ id = 'w', wait_until = { at = 'best', between = '06:00-21:30' } }";
    let pause = "{ id = 'p', wait = '1h' }";
    for (steps, expected) in [
        (format!("{wait}, {PUSH}"), Some(1.0)),
        // At an instant that nobody chose.
        (format!("{wait}, {pause}, {PUSH}"), None),
        (format!("{pause}, {PUSH}"), None),
    ] {
        let mut story = Story::new(&read(&(with_steps(&steps) + BEST)));
        // Ada comes at seven in the morning, five days a week.
        for day in 2..=27 {
            if ![7, 8, 14, 15, 21, 22].contains(&day) {
                story.tell(&format!("{day:02}T07:10 ada view"));
            }
        }
        let told = story.tell("29T22:00 ada add\n29T23:00 advance\n30T08:30 advance");
        assert_eq!(told.contains("step w: waits until 30T07:00"), steps.contains("best"), "{told}");
        let action = &story.partition.outbox(9, bespoke::model::Duration::hours(1), at("30T08:30"))[0];
        assert_eq!(action.probability, expected, "{steps}");
    }
}

#[test]
fn the_clocks_change_while_one_waits() {
    for (zone, begun, at, until) in [
        ("Europe/Paris", "03-28T12:00", "02:30", "03-29T01:30"),
        ("Europe/Paris", "03-28T12:00", "09:00", "03-29T07:00"),
        ("Europe/Paris", "10-24T12:00", "02:30", "10-25T00:30"),
        ("America/New_York", "03-07T12:00", "02:15", "03-08T07:15"),
        ("America/New_York", "10-31T12:00", "01:30", "01T05:30"),
        ("Australia/Lord_Howe", "10-03T00:00", "02:15", "10-03T15:45"),
        ("Asia/Beirut", "03-28T12:00", "00:00", "03-28T22:00"),
    ] {
        check(
            &with_steps(&format!("{{ id = 'w', wait_until = {{ day = 'tomorrow', at = '{at}' }} }}, {PUSH}")),
            &format!("{begun} ada identify timezone={zone}\n{begun} ada add\n{until} advance"),
            &format!(
                "{begun} ada j: entered
                {begun} ada j, step w: waits until {until}
                {until} ada j, step push: sent by push
                {until} ada j: completed"
            ),
        );
    }
}

#[test]
fn a_loop_comes_once_a_day() {
    check(
        &with_steps(&format!(
            "{{ id = 'w', wait_until = {{ at = '19:00' }} }}, {PUSH}, {{ id = 'again', goto = 'w' }}"
        )),
        "19:00 ada add
        24T20:00 advance
        25T20:00 advance",
        "19:00 ada j: entered
        19:00 ada j, step push: sent by push
        19:00 ada j, step w: waits until 24T19:00
        24T19:00 ada j, step push: sent by push
        24T19:00 ada j, step w: waits until 25T19:00
        25T19:00 ada j, step push: sent by push
        25T19:00 ada j, step w: waits until 26T19:00",
    );
    for day in ["today", "entry"] {
        let steps = format!(
            "{{ id = 'w', wait_until = {{ day = '{day}', at = '19:00' }} }}, {{ id = 'again', goto = 'w' }}"
        );
        let found = errors(&with_steps(&steps));
        assert!(found[0].contains("a loop through the step"), "{found:?}");
    }
}

#[test]
fn another_zone_moves_local_waits_and_no_others() {
    let steps = format!("{{ id = 'w', wait_until = {{ day = 'today', at = '19:00' }} }}, {PUSH}");
    check(
        &format!(
            "{}\n[journeys.k]\nenter = {{ event = 'add' }}\nstep = [{{ id = 'w', wait = '8h' }}]",
            with_steps(&steps)
        ),
        "10:00 ada add
        11:00 ada identify timezone=America/New_York
        12:00 ada identify tier=gold
        13:00 ada identify timezone=Asia/Tokyo
        19:00 advance",
        "10:00 ada j: entered
        10:00 ada k: entered
        10:00 ada j, step w: waits until 19:00
        10:00 ada k, step w: waits until 18:00
        11:00 ada j, step w: zone changed, deferred until 24T00:00
        13:00 ada j, step w: zone changed, deferred until 13:00
        13:00 ada j, step push: sent by push
        13:00 ada j: completed
        18:00 ada k: completed",
    );
}

const BORN: &str = "[attributes]
    timezone = 'string'
    born = 'instant'
    [events.add]
    [events.view]
    [templates.t]
    title = 'Hello'
    [journeys.j]
    step = [{ id = 'push', send = { channel = 'push', template = 't' } }]\n";

#[test]
fn a_date_begins_a_journey() {
    for (enter, story, expected) in [
        // Exactly a day before, whatever the clocks do.
        (
            "date = 'born', offset = '-1d'",
            "10:00 ada identify born=2026-11-25T08:00:00Z timezone=Europe/Paris",
            &["24T08:00"][..],
        ),
        ("date = 'born'", "10:00 ada identify born=2026-11-23T09:00:00Z", &[]),
        ("date = 'born', offset = '2h'", "10:00 ada identify born=2026-11-23T09:00:00Z", &["11:00"]),
        // At a local time of that day.
        (
            "date = 'born', at = '09:00'",
            "10:00 ada identify born=2026-11-24T23:30:00Z timezone=Europe/Paris",
            &["25T08:00"],
        ),
        ("date = 'born', at = '09:00'", "10:00 ada identify born=2026-11-24T23:30:00Z", &["24T09:00"]),
        // Anniversaries.
        (
            "date = 'born', yearly = true, at = '09:00'",
            "10:00 ada identify born=1990-11-24T12:00:00Z",
            &["24T09:00"],
        ),
        (
            "date = 'born', yearly = true, offset = '-3d'",
            "10:00 ada identify born=1990-11-27T12:00:00Z",
            &["24T12:00"],
        ),
        ("date = 'born', yearly = true", "10:00 ada identify born=1990-11-22T12:00:00Z", &[]),
        // The date that holds when its time has come.
        (
            "date = 'born'",
            "10:00 ada identify born=2026-11-24T08:00:00Z\n11:00 ada identify born=2026-11-24T10:00:00Z",
            &["24T10:00"],
        ),
        ("date = 'born'", "10:00 ada identify born=2026-11-24T08:00:00Z\n11:00 ada identify born=never", &[]),
        // It became known late, but not too late.
        ("date = 'born'", "10:30 ada identify born=2026-11-23T10:00:00Z @09:50", &["10:30"]),
    ] {
        let story = format!("{story}\n25T12:00 advance");
        let told: Vec<String> = expected
            .iter()
            .flat_map(|at| ["entered", "completed"].map(|what| format!("{at} ada j: {what}")))
            .collect();
        let mut partition = Story::new(&read(&format!("{BORN}enter = {{ {enter} }}")));
        let lines = partition.tell(&story);
        let lines: Vec<&str> = lines.lines().filter(|line| !line.contains("step push")).collect();
        assert_eq!(lines, told, "{enter}: {story}");
    }
}

#[test]
fn a_date_begins_no_journey_twice_in_another_zone() {
    check(
        &format!("{BORN}enter = {{ date = 'born', at = '09:00' }}"),
        "10:00 ada identify timezone=Pacific/Auckland born=2026-11-24T00:00:00Z
        22:00 advance
        23:00 ada identify timezone=Pacific/Honolulu
        26T00:00 advance",
        "20:00 ada j: entered
        20:00 ada j, step push: sent by push
        20:00 ada j: completed",
    );
    // Its time has not come yet, and moves.
    check(
        &format!("{BORN}enter = {{ date = 'born', at = '09:00' }}"),
        "10:00 ada identify timezone=Pacific/Auckland born=2026-11-24T12:00:00Z
        11:00 ada identify timezone=Pacific/Honolulu
        25T00:00 advance",
        "24T19:00 ada j: entered
        24T19:00 ada j, step push: sent by push
        24T19:00 ada j: completed",
    );
}

/// Members of a segment, each evening of a working day.
const EVENINGS: &str = "[attributes]
    timezone = 'string'
    tier = 'string'
    [segments]
    vip = 'tier = \"gold\"'
    [templates.t]
    title = 'Hello'
    [journeys.j]
    enter = { cron = '0 18 * * MON-FRI' }
    step = [{ id = 'push', send = { channel = 'push', template = 't' } }]\n";

#[test]
fn recurring_instants_are_in_each_users_zone_and_for_the_audience() {
    for audience in ["segment(\"vip\")", "tier = \"gold\""] {
        check(
            &format!("{EVENINGS}audience = '{audience}'"),
            "27T10:00 ada identify timezone=Europe/Paris tier=gold
            27T10:00 bob identify timezone=America/New_York tier=gold
            27T10:00 cyd identify timezone=Europe/Paris tier=iron
            27T18:30 cyd identify tier=gold
            27T23:00 advance
            28T12:00 bob identify tier=iron
            30T16:00 advance
            30T17:30 advance
            30T23:30 advance",
            "27T17:00 ada j: entered
            27T17:00 ada j, step push: sent by push
            27T17:00 ada j: completed
            27T23:00 bob j: entered
            27T23:00 bob j, step push: sent by push
            27T23:00 bob j: completed
            30T17:00 ada j: entered
            30T17:00 ada j, step push: sent by push
            30T17:00 ada j: completed
            30T17:00 cyd j: entered
            30T17:00 cyd j, step push: sent by push
            30T17:00 cyd j: completed",
        );
    }
}

#[test]
fn a_recurring_instant_comes_once_for_each_local_date_wherever_one_goes() {
    check(
        EVENINGS,
        "10:00 ada identify timezone=Pacific/Auckland
        24T06:00 advance
        24T12:00 ada identify timezone=Pacific/Honolulu
        25T06:00 advance
        26T06:00 advance
        26T12:00 ada identify timezone=Pacific/Auckland
        27T06:00 advance",
        // Tuesday's 18:00 was in Auckland, so it does not come in Honolulu, but Wednesday's, and Friday's in Auckland.
        "24T05:00 ada j: entered
        24T05:00 ada j, step push: sent by push
        24T05:00 ada j: completed
        26T04:00 ada j: entered
        26T04:00 ada j, step push: sent by push
        26T04:00 ada j: completed
        27T05:00 ada j: entered
        27T05:00 ada j, step push: sent by push
        27T05:00 ada j: completed",
    );
}

/// Who has had none of a date's local times gets it where they come to be.
#[test]
fn a_recurring_instant_that_was_not_had_comes_in_the_next_zone() {
    check(
        EVENINGS,
        "10:00 ada identify timezone=Pacific/Auckland
        11:00 ada identify timezone=Pacific/Honolulu
        24T06:00 advance",
        // It is Monday evening, but on Tuesday in Auckland, when ada comes.
        "24T04:00 ada j: entered
        24T04:00 ada j, step push: sent by push
        24T04:00 ada j: completed",
    );
}

/// Whoever enters the audience at a recurring instant is in it then, however the audience is written.
#[test]
fn who_enters_the_audience_at_the_instant_is_in_it() {
    for audience in ["segment(\"idle\")", "segment(\"idle\") and true"] {
        check(
            &format!(
                "[events.x]
                [segments]
                idle = 'did(x) and now - last(x) >= 1h'
                [templates.t]
                title = 'Hello'
                [journeys.j]
                enter = {{ cron = '0 9 * * *' }}
                audience = '{audience}'
                step = [{{ id = 'push', send = {{ channel = 'push', template = 't' }} }}]"
            ),
            "22T10:00 ada x
            08:00 ada x
            09:30 advance
            24T09:30 advance",
            "09:00 ada j: entered
            09:00 ada j, step push: sent by push
            09:00 ada j: completed
            24T09:00 ada j: entered
            24T09:00 ada j, step push: sent by push
            24T09:00 ada j: completed",
        );
    }
}

#[test]
fn of_missed_recurring_instants_the_latest_counts() {
    once(
        EVENINGS,
        "10:00 ada identify tier=gold
        26T19:00 advance
        27T17:00 advance
        27T18:00 advance",
        &[
            "18:00 ada j: missed 3",
            "26T18:00 ada j: entered",
            "26T18:00 ada j, step push: sent by push",
            "26T18:00 ada j: completed",
            "27T18:00 ada j: entered",
            "27T18:00 ada j, step push: sent by push",
            "27T18:00 ada j: completed",
        ],
    );
}

/// A host that was away for centuries, or whose clock went wrong, has an answer at once.
#[test]
fn years_of_minutes_are_leapt_over() {
    let definitions = read(
        "[events.view]\n[journeys.j]\nenter = { cron = '* * * * *' }\nstep = [{ id = 'w', wait = '1h' }]",
    );
    let known: Instant = "2326-11-23T10:00:30Z".parse().unwrap();
    for until in [known, Instant::MAX - Duration::seconds(1), Instant::MAX] {
        let mut partition = Partition::new(&definitions);
        partition.ingest(&Message::track("ada", "view"), at("10:00")).unwrap();
        let notes = partition.advance(until).notes;
        let told: Vec<_> = notes.iter().map(|note| (note.what.to_string(), note.at)).collect();
        assert_eq!(told[0].0, "missed 10000", "{until}");
        let entered: Vec<_> = told.iter().filter(|(what, _)| what == "entered").map(|(_, at)| *at).collect();
        assert_eq!(entered.len(), 1, "{until}");
        // The calendar of cron expressions ends before that of instants.
        assert_eq!(until - entered[0] < Duration::minutes(1), until == known, "{until} {entered:?}");
    }
}

#[test]
fn sends_that_come_too_late() {
    let steps = format!("{{ id = 'w', wait = '1h' }}, {PUSH}, {{ id = 'later', wait = '30h' }}");
    let begun = ["10:00 ada j: entered", "10:00 ada j, step w: waits until 11:00"];
    for (late, advance, more) in [
        (
            "",
            "17:00",
            &["11:00 ada j, step push: sent by push", "11:00 ada j, step later: waits until 24T17:00"][..],
        ),
        (
            "",
            "17:00:00.001",
            &["11:00 ada j, step push: not sent: too late", "11:00 ada j, step later: waits until 24T17:00"],
        ),
        (
            "late = { catch_up = '1h', else = 'skip' }",
            "12:30",
            &["11:00 ada j, step push: not sent: too late", "11:00 ada j, step later: waits until 24T17:00"],
        ),
        ("late = { catch_up = '1h', else = 'exit' }", "12:30", &["11:00 ada j, step push: exited: too late"]),
        (
            "late = { catch_up = '1h', else = 'next_window' }",
            "12:30",
            &["11:00 ada j, step push: too late, deferred until 24T11:00"],
        ),
        (
            "late = { catch_up = '0s', else = 'next_window' }",
            "24T10:59",
            &["11:00 ada j, step push: too late, deferred until 24T11:00"],
        ),
        (
            "late = { catch_up = '1h', else = 'next_window' }",
            "24T11:30",
            &["11:00 ada j, step push: too late, deferred until 25T11:00"],
        ),
    ] {
        let definitions = format!("{}\n{late}", with_steps(&steps));
        let expected: Vec<&str> = begun.iter().chain(more).copied().collect();
        once(&definitions, &format!("10:00 ada add\n{advance} advance"), &expected);
    }
    // It goes out at that time, and what would have ended the journey ends it.
    let definitions = format!(
        "{}\nlate = {{ catch_up = '1h', else = 'next_window' }}\nexit = [{{ event = 'buy' }}]",
        with_steps(&steps)
    );
    for (then, told) in [
        (
            "24T11:00 advance",
            &["24T11:00 ada j, step push: sent by push", "24T11:00 ada j, step later: waits until 25T17:00"]
                [..],
        ),
        ("24T09:00 ada buy", &["24T09:00 ada j: exited: event"]),
    ] {
        let deferred = ["11:00 ada j, step push: too late, deferred until 24T11:00"];
        let expected: Vec<&str> = begun.iter().chain(&deferred).chain(told).copied().collect();
        once(&definitions, &format!("10:00 ada add\n12:30 advance\n{then}"), &expected);
    }
}

/// After downtime the host tells what it had received, and then what time it is: what would have been cancelled is.
#[test]
fn a_backlog_comes_before_what_is_due() {
    once(
        &format!(
            "{}\nexit = [{{ event = 'buy' }}]",
            with_steps(&format!("{{ id = 'w', wait = '1h' }}, {PUSH}"))
        ),
        "10:00 ada add
        10:00 bob add
        10:30 ada buy
        15:00 advance",
        &[
            "10:00 ada j: entered",
            "10:00 ada j, step w: waits until 11:00",
            "10:00 bob j: entered",
            "10:00 bob j, step w: waits until 11:00",
            "10:30 ada j: exited: event",
            "11:00 bob j, step push: sent by push",
            "11:00 bob j: completed",
        ],
    );
}

#[test]
fn what_is_wrong_with_times() {
    let enter = |enter: &str| errors(&format!("{BORN}enter = {{ {enter} }}"));
    assert_eq!(enter("date = 'bron'"), ["11:18: unknown attribute `bron` (did you mean `born`?)"],);
    assert_eq!(
        enter("date = 'timezone'"),
        [
            "11:18: the attribute `timezone` is no instant (declare it under [attributes] as `timezone = \"instant\"`)"
        ],
    );
    assert_eq!(
        enter("cron = '0 25 * * *'"),
        [
            "11:18: the hour of a cron expression cannot be `25` (say minute, hour, day of the month, month, and day of the week, as in `0 18 * * MON-FRI` for workdays at 18:00)"
        ],
    );
    assert_eq!(
        enter("cron = '0 9 31 2 *'"),
        ["11:18: `0 9 31 2 *` never comes (say a day that the months have)"],
    );
}
