use super::*;
use crate::journey::Capped;
use proptest::prelude::*;

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn sends(instants: &[Instant]) -> Vec<Send> {
    let send = |(number, at): (usize, &Instant)| Send {
        at: *at,
        id: number as u128,
        channel: if number % 3 == 2 { "sms".into() } else { "push".into() },
        class: Class::Marketing,
        tags: if number.is_multiple_of(2) { vec!["deal".into()] } else { Vec::new() },
        content: 0,
    };
    instants.iter().enumerate().map(send).collect()
}

fn cap(scope: CapScope, max: u32, per: CapPeriod) -> Cap {
    Cap { scope, max, per, counts: vec![Class::Marketing], capped: Capped::Skip }
}

const KIND: Kind<'_> = Kind { class: Class::Marketing, channel: "push", tags: &[] };

fn policy(caps: Vec<Cap>) -> DeliveryPolicy {
    DeliveryPolicy { caps, ..DeliveryPolicy::default() }
}

#[test]
fn a_slot_frees_at_an_exact_instant() {
    let window = |text: &str| CapPeriod::Window(text.parse().unwrap());
    let all = |max, per| cap(CapScope::Global, max, per);
    const NEVER: &str = "never";
    for (zone, caps, sent, now, free) in [
        // Not full: now.
        ("UTC", vec![all(1, window("24h"))], vec![], "2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z"),
        // The oldest leaves a window after it came, to the millisecond.
        (
            "UTC",
            vec![all(1, window("24h"))],
            vec!["2026-11-23T10:00:00.001Z"],
            "2026-11-23T12:00:00Z",
            "2026-11-24T10:00:00.001Z",
        ),
        (
            "UTC",
            vec![all(2, window("24h"))],
            vec!["2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z"],
            "2026-11-23T12:00:00Z",
            "2026-11-24T10:00:00Z",
        ),
        // More than may be in it, after a cap was made lower: two have to leave.
        (
            "UTC",
            vec![all(1, window("24h"))],
            vec!["2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z"],
            "2026-11-23T12:00:00Z",
            "2026-11-24T11:00:00Z",
        ),
        // The next local day, which is shorter or longer when the clocks change, and the next Monday.
        (
            "UTC",
            vec![all(1, CapPeriod::Day)],
            vec!["2026-11-23T10:00:00Z"],
            "2026-11-23T12:00:00Z",
            "2026-11-24T00:00:00Z",
        ),
        (
            "Europe/Paris",
            vec![all(1, CapPeriod::Day)],
            vec!["2026-03-29T00:30:00Z"],
            "2026-03-29T00:30:00Z",
            "2026-03-29T22:00:00Z",
        ),
        (
            "Europe/Paris",
            vec![all(1, CapPeriod::Day)],
            vec!["2026-10-25T00:30:00Z"],
            "2026-10-25T00:30:00Z",
            "2026-10-25T23:00:00Z",
        ),
        (
            "America/New_York",
            vec![all(1, CapPeriod::Week)],
            vec!["2026-03-04T12:00:00Z"],
            "2026-03-05T12:00:00Z",
            "2026-03-09T04:00:00Z",
        ),
        // Midnight is left out in Beirut: the day begins where the gap ends.
        (
            "Asia/Beirut",
            vec![all(1, CapPeriod::Day)],
            vec!["2026-03-28T20:00:00Z"],
            "2026-03-28T20:00:00Z",
            "2026-03-28T22:00:00Z",
        ),
        // Samoa left out a whole day.
        (
            "Pacific/Apia",
            vec![all(1, CapPeriod::Day)],
            vec!["2011-12-30T05:00:00Z"],
            "2011-12-30T06:00:00Z",
            "2011-12-30T10:00:00Z",
        ),
        // Several: the latest of them, also where one is full only by then.
        (
            "UTC",
            vec![all(1, CapPeriod::Day), all(2, window("36h"))],
            vec!["2026-11-22T23:00:00Z", "2026-11-23T10:00:00Z"],
            "2026-11-23T10:00:00Z",
            "2026-11-24T11:00:00Z",
        ),
        (
            "UTC",
            vec![
                cap(CapScope::Channel("push".into()), 1, CapPeriod::Day),
                cap(CapScope::Channel("sms".into()), 1, CapPeriod::Week),
            ],
            vec!["2026-11-23T10:00:00Z"],
            "2026-11-23T10:00:00Z",
            "2026-11-24T00:00:00Z",
        ),
        ("UTC", vec![all(0, CapPeriod::Day)], vec![], "2026-11-23T10:00:00Z", NEVER),
    ] {
        let zone = Zone::named(zone).unwrap();
        let sent: Vec<Instant> = sent.into_iter().map(at).collect();
        let found = policy(caps.clone()).frees_at(KIND, &sends(&sent), &zone, at(now));
        assert_eq!(found, (free != NEVER).then(|| at(free)), "{zone:?} {caps:?} {sent:?} {now}");
    }
}

fn caps() -> impl Strategy<Value = Vec<Cap>> {
    let scope = prop_oneof![
        Just(CapScope::Global),
        Just(CapScope::Channel("push".into())),
        Just(CapScope::Channel("sms".into())),
        Just(CapScope::Tag("deal".into())),
    ];
    let per = prop_oneof![
        Just(CapPeriod::Day),
        Just(CapPeriod::Week),
        (1_i64..72).prop_map(|hours| CapPeriod::Window(Duration::minutes(hours * 30))),
    ];
    let one = (scope, 1_u32..4, per).prop_map(|(scope, max, per)| cap(scope, max, per));
    prop::collection::vec(one, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Against looking again every half an hour, at which everything here happens.
    #[test]
    fn it_is_the_first_instant_at_which_no_cap_is_full(
        caps in caps(),
        (zone, change) in prop::sample::select(vec![
            ("UTC", "2026-11-23T00:00:00Z"),
            ("Europe/Paris", "2026-03-29T01:00:00Z"),
            ("Europe/Paris", "2026-10-25T01:00:00Z"),
            ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
            ("Asia/Beirut", "2026-10-24T21:00:00Z"),
            ("Pacific/Apia", "2011-12-30T10:00:00Z"),
        ]),
        sent in prop::collection::vec(0_i64..200, 0..9),
        has_tag in any::<bool>(),
    ) {
        let (policy, zone) = (policy(caps), Zone::named(zone).unwrap());
        let start = at(change) - Duration::hours(80);
        let mut sent: Vec<Instant> = sent.iter().map(|n| start + Duration::minutes(n * 30)).collect();
        sent.sort_unstable();
        let now = sent.last().copied().unwrap_or(start);
        let sends = sends(&sent);
        let tags: Vec<Arc<str>> = if has_tag { vec!["deal".into()] } else { Vec::new() };
        let kind = Kind { tags: &tags, ..KIND };
        let is_full = |at: Instant| policy.caps.iter().any(|cap| cap.is_full(kind, &sends, &zone, at));
        let looked = (0..24 * 2 * 12).map(|n| now + Duration::minutes(n * 30)).find(|at| !is_full(*at));
        let found = policy.frees_at(kind, &sends, &zone, now);
        prop_assert_eq!(found, looked);
        if let Some(found) = found.filter(|found| *found > now) {
            prop_assert!(is_full(found - Duration::from_millis(1)));
        }
    }
}
