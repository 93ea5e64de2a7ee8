//! Simulated users: each has hours that are better, and a model has to find them from what it sees.

use super::*;
use crate::model::{Bytes, Duration, Instant, Record, Zone};
use fastrand::Rng;
use proptest::prelude::*;

/// A Monday.
const START: i64 = 1_795_392_000_000;

fn midnight(day: i64) -> Instant {
    Instant::from_millis(START) + Duration::days(day)
}

fn hour_of(at: Instant) -> LocalHour {
    LocalHour::of(Zone::UTC.civil(at))
}

/// How likely a user is there in an hour, against the average one.
type Shape = [f64; 24];

const FLAT: Shape = [1.0; 24];

/// Most at an hour and around it.
fn peak(at: usize) -> Shape {
    let mut shape = FLAT;
    for (hour, likely) in shape.iter_mut().enumerate() {
        let away = (hour + 24 - at) % 24;
        let away = away.min(24 - away) as f64;
        *likely = 0.3 + 4.0 * libm::exp(-away * away / 2.0);
    }
    let sum: f64 = shape.iter().sum();
    shape.map(|likely| likely * 24.0 / sum)
}

/// What a user does of whom one message a day is sent.
struct Habits {
    working_days: Shape,
    weekends: Shape,
    sessions_a_day: f64,
    /// In an average hour.
    opens: f64,
}

impl Habits {
    fn same(shape: Shape) -> Habits {
        Habits { working_days: shape, weekends: shape, sessions_a_day: 0.7, opens: 0.15 }
    }

    fn likely(&self, hour: LocalHour) -> f64 {
        let shape = if hour.is_weekend() { &self.weekends } else { &self.working_days };
        shape[usize::from(hour.hour())]
    }
}

/// Lives through a day: the hour in which the message comes is chosen by the caller.
fn live(
    times: &mut SendTimes,
    user: u32,
    group: Option<u8>,
    habits: &Habits,
    day: i64,
    sent: Option<u8>,
    rng: &mut Rng,
) {
    for hour in 0..24 {
        let at = midnight(day) + Duration::hours(hour);
        let local = hour_of(at);
        if sent == Some(hour as u8) {
            times.learn(user, group, Evidence::Exposed, local, at);
            if rng.f64() < (habits.opens * habits.likely(local)).min(0.95) {
                times.learn(user, group, Evidence::Opened, local, at);
                // Whoever opens a message is there.
                times.learn(user, group, Evidence::Session, local, at + Duration::minutes(5));
                if rng.f64() < 0.3 {
                    times.learn(user, group, Evidence::Clicked, local, at);
                }
            }
        }
        if rng.f64() < habits.sessions_a_day / 24.0 * habits.likely(local) {
            times.learn(user, group, Evidence::Session, local, at + Duration::minutes(59));
        }
    }
}

fn allowed(is_weekend: bool) -> Vec<LocalHour> {
    (8..22).map(|hour| LocalHour::new(hour, is_weekend).unwrap()).collect()
}

fn draw(rng: &mut Rng) -> u128 {
    rng.u128(..)
}

/// Chooses without chance.
fn best(times: &SendTimes, user: u32, group: Option<u8>, hours: &[LocalHour], day: i64) -> Choice {
    times.choose(user, group, hours, 0, u128::MAX, midnight(day)).unwrap()
}

fn distance(a: u8, b: u8) -> u8 {
    let away = a.abs_diff(b);
    away.min(24 - away)
}

#[test]
fn it_finds_the_hours_that_users_were_given() {
    let mut rng = Rng::with_seed(7);
    let mut times = SendTimes::params().check().unwrap();
    let peaks: Vec<usize> = (0..60).map(|user| if user % 3 == 0 { 9 } else { 8 + user % 14 }).collect();
    for day in 0..120 {
        let hours = allowed(hour_of(midnight(day)).is_weekend());
        for (user, at) in peaks.iter().enumerate() {
            let user = user as u32;
            let choice = times.choose(user, None, &hours, 0, draw(&mut rng), midnight(day)).unwrap();
            let habits = Habits::same(peak(*at));
            live(&mut times, user, None, &habits, day, Some(choice.hour.hour()), &mut rng);
        }
    }
    let hours = allowed(false);
    let near = peaks.iter().enumerate().filter(|(user, at)| {
        distance(best(&times, *user as u32, None, &hours, 120).hour.hour(), **at as u8) <= 1
    });
    let near = near.count();
    assert!(near >= 54, "{near} of 60");
}

#[test]
fn it_finds_another_hour_at_weekends() {
    let mut rng = Rng::with_seed(3);
    let mut times = SendTimes::params().check().unwrap();
    let habits = Habits { weekends: peak(11), ..Habits::same(peak(19)) };
    for day in 0..200 {
        for user in 0..20 {
            let sent = rng.u8(8..22);
            live(&mut times, user, None, &habits, day, Some(sent), &mut rng);
        }
    }
    let everyone = best(&times, 99, None, &allowed(false), 200);
    assert_eq!((everyone.source, distance(everyone.hour.hour(), 19)), (Source::Everyone, 0));
    assert_eq!(distance(best(&times, 99, None, &allowed(true), 200).hour.hour(), 11), 0);
}

/// Nine of ten messages go out at nine, and users do not care: a histogram of their opens has its peak there.
#[test]
fn it_is_not_fooled_by_when_most_was_sent() {
    let mut rng = Rng::with_seed(11);
    let mut times = SendTimes::params().check().unwrap();
    let mut opens = [0; 24];
    for day in 0..90 {
        for user in 0..100 {
            let sent = if rng.f64() < 0.9 { 9 } else { rng.u8(8..22) };
            opens[usize::from(sent)] += 1;
            live(&mut times, user, None, &Habits::same(FLAT), day, Some(sent), &mut rng);
        }
    }
    assert!(opens[9] > 10 * opens[20]);
    let hours = allowed(false);
    let everyone = times.rates(None, None, midnight(90));
    let (nine, others) = (everyone[9].1, everyone[12..22].iter().map(|(_, rate)| rate).sum::<f64>() / 10.0);
    assert!((nine / others - 1.0).abs() < 0.12, "{nine} against {others}");
    let at_nine = (0..100).filter(|user| best(&times, *user, None, &hours, 90).hour.hour() == 9).count();
    // Of fourteen hours that are all alike one is chosen by one in fourteen or so, and not by nearly all.
    assert!(at_nine <= 25, "{at_nine} of 100");
}

/// The other way round: users are there at seven in the evening, but are sent to at nine in the morning.
#[test]
fn it_sees_through_what_was_sent_at_the_wrong_hour() {
    let mut rng = Rng::with_seed(5);
    let mut times = SendTimes::params().check().unwrap();
    for day in 0..90 {
        for user in 0..40 {
            let sent = if rng.f64() < 0.95 { 9 } else { rng.u8(8..22) };
            live(&mut times, user, None, &Habits::same(peak(19)), day, Some(sent), &mut rng);
        }
    }
    for user in [0, 7, 39, 1_000] {
        let hour = best(&times, user, None, &allowed(false), 90).hour.hour();
        assert!(distance(hour, 19) <= 1, "{user}: {hour}");
    }
}

#[test]
fn with_little_evidence_a_user_is_as_the_group_and_a_group_as_everyone() {
    let mut rng = Rng::with_seed(2);
    let mut times = SendTimes::params().groups(2).check().unwrap();
    for day in 0..90 {
        for user in 0..80 {
            // A quarter is of a group of early birds.
            let (group, at) = if user % 4 == 0 { (Some(0), 8) } else { (None, 20) };
            let sent = rng.u8(8..22);
            live(&mut times, user, group, &Habits::same(peak(at)), day, Some(sent), &mut rng);
        }
    }
    let hours = allowed(false);
    // One session at an odd hour does not make a habit.
    for user in [500, 501] {
        let at = midnight(88) + Duration::hours(13);
        times.learn(user, None, Evidence::Session, hour_of(at), at);
    }
    let choice = best(&times, 500, None, &hours, 90);
    assert_eq!((choice.source, choice.hour.hour()), (Source::Everyone, 20));
    let choice = best(&times, 501, Some(0), &hours, 90);
    assert_eq!((choice.source, choice.hour.hour()), (Source::Group, 8));
    // In the other group is nobody, and a third there is not.
    for group in [Some(1), Some(2), Some(255)] {
        assert_eq!(best(&times, 502, group, &hours, 90).source, Source::Everyone, "{group:?}");
    }
}

#[test]
fn nobody_is_served_by_a_curve_of_fewer_users_than_ten() {
    let mut times = SendTimes::params().check().unwrap();
    for user in 0..10 {
        assert_eq!(best(&times, 99, None, &allowed(false), 70).source, Source::Fallback, "{user} users");
        for day in 0..60 {
            let at = midnight(day) + Duration::hours(19);
            times.learn(user, None, Evidence::Session, hour_of(at), at);
        }
    }
    let choice = best(&times, 99, None, &allowed(false), 70);
    assert_eq!((choice.source, choice.hour.hour()), (Source::Everyone, 19));
    assert_eq!(times.user_count(), 10);
    times.forget(3);
    assert_eq!(best(&times, 99, None, &allowed(false), 70).source, Source::Fallback);
}

#[test]
fn what_is_old_gives_way_to_what_is_new() {
    let mut rng = Rng::with_seed(9);
    let mut times = SendTimes::params().check().unwrap();
    for day in 0..360 {
        let at = if day < 200 { 9 } else { 18 };
        live(&mut times, 1, None, &Habits::same(peak(at)), day, None, &mut rng);
        if day == 199 {
            assert!(distance(best(&times, 1, None, &allowed(false), 200).hour.hour(), 9) <= 1);
        }
    }
    assert!(distance(best(&times, 1, None, &allowed(false), 360).hour.hour(), 18) <= 1);
}

/// Users who are all alike gain nothing from hours of their own, and must lose next to nothing.
#[test]
fn chance_is_seldom_taken_for_a_habit() {
    let mut rng = Rng::with_seed(21);
    let mut times = SendTimes::params().check().unwrap();
    let habits = Habits::same(peak(19));
    let (mut brought, mut possible) = (0.0, 0.0);
    for day in 0..90 {
        let hours = allowed(hour_of(midnight(day)).is_weekend());
        for user in 0..100 {
            let choice = best(&times, user, None, &hours, day);
            if day >= 30 {
                brought += habits.likely(choice.hour);
                possible += habits.likely(LocalHour::new(19, false).unwrap());
            }
            live(&mut times, user, None, &habits, day, Some(choice.hour.hour()), &mut rng);
        }
    }
    assert!(brought / possible > 0.9, "{}", brought / possible);
}

#[test]
fn a_share_stays_random_and_says_how_probable_it_was() {
    let mut times = SendTimes::params().explore(0.2).check().unwrap();
    for day in 0..60 {
        let at = midnight(day) + Duration::hours(19);
        times.learn(1, None, Evidence::Session, hour_of(at), at);
    }
    let hours = allowed(false);
    let mut rng = Rng::with_seed(1);
    let draws = 60_000;
    let mut chosen = vec![0_u32; hours.len()];
    let mut random = 0;
    // Weighed by what its probability says, each hour comes to the same: the measure of its worth has no bias.
    let mut weighed = vec![0.0; hours.len()];
    for _ in 0..draws {
        let choice = times.choose(1, None, &hours, 0, draw(&mut rng), midnight(60)).unwrap();
        assert_eq!(choice.hour, hours[choice.place]);
        chosen[choice.place] += 1;
        weighed[choice.place] += 1.0 / choice.probability;
        random += u32::from(choice.source == Source::Random);
    }
    assert!((f64::from(random) / f64::from(draws) - 0.2).abs() < 0.006);
    for (place, hour) in hours.iter().enumerate() {
        let expected = 0.2 / hours.len() as f64 + if hour.hour() == 19 { 0.8 } else { 0.0 };
        let share = f64::from(chosen[place]) / f64::from(draws);
        assert!((share - expected).abs() < 0.004, "{hour}: {share}");
        assert!((weighed[place] / f64::from(draws) - 1.0).abs() < 0.12, "{hour}: {}", weighed[place]);
    }
}

#[test]
fn without_hours_nothing_is_chosen_and_a_fallback_beyond_them_is_the_last() {
    let times = SendTimes::params().explore(0.0).check().unwrap();
    assert_eq!(times.choose(1, None, &[], 0, 0, midnight(0)), None);
    let hours = allowed(false);
    let choice = times.choose(1, None, &hours, 99, 0, midnight(0)).unwrap();
    assert_eq!((choice.place, choice.source, choice.probability), (hours.len() - 1, Source::Fallback, 1.0));
}

#[test]
fn parameters_out_of_range_are_refused() {
    for (params, name) in [
        (SendTimes::params().half_life(Duration::hours(23)), "half_life"),
        (SendTimes::params().half_life(Duration::days(40_000)), "half_life"),
        (SendTimes::params().explore(-0.1), "explore"),
        (SendTimes::params().explore(f64::NAN), "explore"),
        (SendTimes::params().groups(16), "groups"),
    ] {
        let error = params.check().unwrap_err();
        assert!(matches!(&error, Error::Parameter { name: wrong, .. } if *wrong == name), "{error}");
    }
}

/// Anything that a caller can say, in any order.
fn evidence() -> impl Strategy<Value = (u32, Option<u8>, u8, LocalHour, i64)> {
    let hour = (0_u8..24, any::<bool>()).prop_map(|(hour, weekend)| LocalHour::new(hour, weekend).unwrap());
    (0_u32..6, prop::option::of(0_u8..4), 0_u8..4, hour, prop_oneof![0_i64..10_000, any::<i64>()])
}

fn learn(times: &mut SendTimes, (user, group, kind, hour, minutes): (u32, Option<u8>, u8, LocalHour, i64)) {
    let kind = [Evidence::Session, Evidence::Exposed, Evidence::Clicked, Evidence::Opened][usize::from(kind)];
    let at = Instant::from_millis(START.saturating_add(minutes.saturating_mul(60_000)));
    times.learn(user, group, kind, hour, at);
}

fn state(times: &SendTimes) -> String {
    serde_json::to_string(&times.state()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn choices_are_sound_and_the_same_after_everything_was_written_and_read(
        told in prop::collection::vec(evidence(), 0..120),
        draws in prop::collection::vec(any::<u128>(), 8),
    ) {
        let params = SendTimes::params().groups(3).users_min(2).explore(0.3);
        let mut times = params.clone().check().unwrap();
        told.iter().for_each(|one| learn(&mut times, *one));
        let mut again = params.clone().check().unwrap();
        told.iter().for_each(|one| learn(&mut again, *one));
        prop_assert_eq!(state(&times), state(&again));

        let mut read = params.check().unwrap();
        let mut bytes = Vec::new();
        times.write_state(&mut bytes);
        let mut from = Bytes::new(&bytes);
        read.read_state(&mut from).unwrap();
        prop_assert_eq!(from.left(), 0);
        for user in 0..6 {
            let mut bytes = Vec::new();
            times.write_user(user, &mut bytes);
            let row = Option::<Box<UserHours>>::read(&mut Bytes::new(&bytes)).unwrap();
            read.put_user(user, row);
        }
        prop_assert_eq!(state(&times), state(&read));

        let hours = allowed(true);
        for (user, draw) in draws.into_iter().enumerate() {
            for group in [None, Some(1)] {
                let choice = times.choose(user as u32, group, &hours, 3, draw, midnight(30)).unwrap();
                prop_assert_eq!(Some(choice), read.choose(user as u32, group, &hours, 3, draw, midnight(30)));
                prop_assert_eq!(choice.hour, hours[choice.place]);
                prop_assert!(choice.probability > 0.0 && choice.probability <= 1.0);
                prop_assert!(choice.likelihood.is_none_or(|likely| likely > 0.8 && likely <= 1.0));
                let rates = times.rates(Some(user as u32), group, midnight(30));
                prop_assert!(rates.iter().all(|(_, rate)| rate.is_finite() && *rate > 0.0), "{rates:?}");
            }
        }
    }

    #[test]
    fn a_forgotten_user_leaves_nothing_that_counts(told in prop::collection::vec(evidence(), 0..80)) {
        let of_days = told.iter().filter(|(.., minutes)| (0..10_000).contains(minutes)).copied();
        let of_days: Vec<_> = of_days.map(|(user, _, kind, hour, at)| (user, None, kind, hour, at)).collect();
        let params = SendTimes::params().users_min(1);
        let (mut times, mut never) = (params.clone().check().unwrap(), params.check().unwrap());
        for one in &of_days {
            learn(&mut times, *one);
            if one.0 != 3 {
                learn(&mut never, *one);
            }
        }
        times.forget(3);
        prop_assert!(!times.knows(3));
        prop_assert_eq!(times.user_count(), never.user_count());
        let rates = |times: &SendTimes| times.rates(None, None, midnight(8));
        for ((hour, after), (_, wanted)) in rates(&times).into_iter().zip(rates(&never)) {
            prop_assert!((after - wanted).abs() < 0.02, "{hour}: {after}, {wanted}");
        }
    }
}
