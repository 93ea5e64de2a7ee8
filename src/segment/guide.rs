//! The segment language: all of its words, what each means to the millisecond, and rules to begin with. This module is
//! prose.
//!
//! A segment is a name and one expression that is true or false of a user. It is asked of attributes and of what the
//! user did, and it is kept: a change is told with the instant at which it happens, also where nothing but time makes
//! it happen. The same language filters items, chooses variants and lets users into journeys.
//!
//! ```
//! use bespoke::definitions::Definitions;
//! use bespoke::engine::Engine;
//! use bespoke::model::{Duration, Instant, Message};
//!
//! let definitions = Definitions::from_toml(r#"
//!     version = 1
//!     [attributes]
//!     country = "string"
//!     [events.search]
//!     city = "string"
//!     [events.booking]
//!     city = "string"
//!     [segments]
//!     traveller = 'country in ["FR", "BE"] and count(search in 7d) >= 2'
//!     undecided = { by = "city", when = 'did(search in 24h) and not did(booking in 24h)' }
//! "#)?;
//! let engine = Engine::builder(definitions).open()?;
//!
//! let monday: Instant = "2026-11-23T10:00:00Z".parse()?;
//! let tuesday = monday + Duration::days(1);
//! engine.ingest(Message::identify("ada").with("country", "FR"), monday)?;
//! let rome = engine.ingest(Message::track("ada", "search").with("city", "Rome"), monday)?;
//! assert_eq!(rome.changes[0].to_string(), "ada entered undecided (Rome)");
//! // Whatever is due before a message happens before it, at its own instant.
//! let oslo = engine.ingest(Message::track("ada", "search").with("city", "Oslo"), tuesday)?;
//! let changes: Vec<String> = oslo.changes.iter().map(|change| format!("{} {change}", change.at)).collect();
//! assert_eq!(changes, [
//!     "2026-11-24T10:00:00Z ada entered traveller",
//!     "2026-11-24T10:00:00Z ada entered undecided (Oslo)",
//!     "2026-11-24T10:00:00Z ada left undecided (Rome)",
//! ]);
//! // Time alone: the first of the two searches is seven days old.
//! assert_eq!(engine.next_due(), Some(tuesday + Duration::days(1)));
//! let later = engine.advance(monday + Duration::days(30))?;
//! assert_eq!(later.changes[1].to_string(), "ada left traveller");
//! assert_eq!(later.changes[1].at, monday + Duration::days(7));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! All that follows is about these definitions. Each expression in a table is compiled by a test, so this page cannot
//! be wrong about what can be written.
//!
//! ```toml
//! version = 1
//! [attributes]
//! country = "string"
//! email = "string"
//! token = "string"
//! timezone = "string"
//! plan = "string"
//! age = "number"
//! born = "instant"
//! trial_ends = "instant"
//! home = "geo"
//! location = "geo"
//! interests = "list"
//! app = "string"
//! "budget.*" = "number"
//! devices = [{ os = "string", last_seen = "instant" }]
//! [events.view]
//! sku = "string"
//! category = "string"
//! seconds = "number"
//! [events.add_to_cart]
//! sku = "string"
//! cart_id = "string"
//! [events.purchase]
//! cart_id = "string"
//! amount = "number"
//! products = [{ sku = "string", category = "string", price = "number" }]
//! [events.search]
//! city = "string"
//! [events.booking]
//! city = "string"
//! [events.payment]
//! category = "string"
//! amount = "number"
//! [events."Workout Completed"]
//! minutes = "number"
//! [lists]
//! vip = "invited by the sales team"
//! [consent]
//! marketing = { default = "denied" }
//! [channels]
//! email = { address = "email" }
//! push = { address = "token" }
//! [world]
//! sale = "bool"
//! [lifecycle]
//! order = ["lapsed", "active"]
//! [scores.engagement]
//! points = [{ event = "view", points = 1 }, { event = "purchase", points = 20 }]
//! half_life = "14d"
//! [templates.hello]
//! title = "Hello"
//! [journeys.welcome]
//! enter = { event = "view", reentry = "once" }
//! step = [{ id = "hello", send = { channel = "push", template = "hello" } }]
//! [placements.hero]
//! variant = [{ name = "plain" }]
//! [segments]
//! active = "did(any in 30d)"
//! lapsed = "did(any) and not did(any in 30d)"
//! cart_left = { by = "cart_id", when = "sequence(add_to_cart, not purchase) and now - last(add_to_cart) >= 1h" }
//! ```
//!
//! # Values
//! A value is a bool, a number, a text, an instant, a duration, a time of day, a geo point, a list, or **missing**.
//! Missing is an attribute that was never set, a property that an event lacks, an average of no events, and what is
//! divided by nought.
//!
//! - A comparison with something missing is false. `!=` and `not in` are exactly the opposite of `=` and `in`, so
//!   `country != "FR"` holds for whoever has no country. `is missing` and `is present` ask for that itself.
//! - Whole numbers are exact, others are what computers make of decimal fractions: ten payments of 0.1 come to
//!   0.9999999999999999, and are not `>= 1`. Count money in its smallest unit.
//! - What cannot be compared is an error when definitions are read, wherever the declared kinds tell.
//!
//! | written | is |
//! | --- | --- |
//! | `"text"`, `'text'` | a text; `\"` and `\n` stand for a quote and the end of a line |
//! | `12`, `1_000`, `0.9`, `1e3`, `10%` | numbers; a percentage is its number, here ten |
//! | `true`, `false` | |
//! | `90s`, `1h30m`, `7d`, `2w` | durations, in `ms`, `s`, `m`, `h`, `d` and `w`; a day has 24 hours |
//! | `@2026-11-23`, `@2026-11-23T10:00:00Z`, `@2026-11-23T10:00:00+01:00` | instants; a date is its midnight in UTC |
//! | `07:30` | a time of day |
//! | `5 km`, `300 m`, `2 mi` | distances: `300m` are minutes |
//! | `["FR", "DE"]` | a list |
//!
//! # Operators
//! From the loosest to the tightest. Words may be written in any case, `#` begins a comment.
//!
//! | written | holds, or is |
//! | --- | --- |
//! | `country = "FR" or age >= 18` | one of them holds |
//! | `country = "FR" and age >= 18` | all of them hold |
//! | `not did(purchase in 30d)` | it does not hold |
//! | `age >= 18`, `plan != "free"`, `age < 65` | `=`, `!=`, `<`, `<=`, `>`, `>=`; texts in the order of their bytes |
//! | `country in ["FR", "BE"]`, `country not in ["FR", "BE"]` | one of them; none of them |
//! | `age between 18 and 25` | both ends count |
//! | `local_time between 22:00 and 06:00` | of times of day also over midnight |
//! | `email contains "@example"`, `interests contains "running"` | a part of a text; an element of a list |
//! | `email starts with "ada"`, `email ends with ".fr"` | |
//! | `email matches "^[^@]+@example\\.com$"` | a regular expression, in time that grows with the text alone |
//! | `plan is missing`, `plan is present` | |
//! | `budget.food + budget.fun > 500`, `now - trial_ends > 1d` | numbers; two instants make a duration |
//! | `0.9 * budget.food`, `sum(payment.amount) / count(payment)` | |
//! | `-age` | |
//!
//! # Names
//! | written | is |
//! | --- | --- |
//! | `country`, `user.country`, `budget.food` | an attribute of the user |
//! | `now`, `local_time`, `local_hour`, `weekday` | the instant; in the zone of the user, the time of day, its hour from 0 to 23, and `"mon"` to `"sun"`. The zone is the attribute `timezone`, or else that of `[settings]` |
//! | `session.number`, `session.started`, `session.duration`, `session.events` | the session: 1 for who is here for the first time; the others are missing once it is over, `session_gap` after its last event. An event that comes late joins the session of its instant, and renumbers none |
//! | `segment("active")` | whether the user is in another segment; of a keyed one, for any key, or for the same one where that is keyed alike |
//! | `entered("active")` | when the stay in it began; missing outside |
//! | `lifecycle = "active"` | the first of an ordered set of segments that holds |
//! | `score("engagement") >= 50` | the points of a table in the definitions, which may fade |
//! | `affinity("category", "shoes") > 0.3`, `top("category") = "shoes"` | the share of a value in what the user does, halved every half-life, and the value with the largest share; neither changes by time alone |
//! | `list("vip")` | whether a message put the user on a list |
//! | `consent("marketing")`, `subscribed("email")`, `reachable("push")` | what the user agreed to, in general and by a channel; whether there is an address |
//! | `in_journey("welcome")`, `variant("hero") = "plain"` | where the user is, and what was shown last |
//! | `bucket("spring") < 10` | a number from 0 to 100 that is always the same for a user and a salt |
//! | `predict.churn > 0.8` | what a model of the host wrote |
//! | `world.sale` | a fact about the world, which the host sets for everybody |
//! | `has(devices where os = "ios" and last_seen > now - 30d)` | whether one object of a list has it all |
//!
//! # Functions of values
//! | written | is |
//! | --- | --- |
//! | `lower(email) = "ada@example.com"` | the text without capitals |
//! | `length(interests) >= 3`, `length(plan)` | how many elements, or characters |
//! | `abs(age - 40)`, `min_of(age, 65)`, `max_of(budget.food, budget.fun)` | |
//! | `any_in(interests, ["yoga", "running"])`, `all_in(interests, ["yoga"])` | one of the list on the left is in that on the right; all of them are |
//! | `distance(location, geo(48.8566, 2.3522)) < 5 km` | along the great circle |
//! | `age(born) >= 18`, `is_anniversary(born)` | full years, and whether today is the day, in the zone of the user |
//! | `version(app) >= version("4.10")` | 4.10 is above 4.9 |
//!
//! # What users did
//! Events are named, with a property of theirs where one is meant, then what must hold of them, then a window:
//! `count(view where category = "shoes" in 7d)`, `sum(payment.amount where category = "food" in this month)`. A name
//! with spaces goes in quotes, `[view, search]` is several, `any` is every event that a host reports. A list of objects
//! stands where an event stands, as so many events: `sum(purchase.products.price where category = "shoes")`.
//!
//! | written | is | of no events |
//! | --- | --- | --- |
//! | `did(view in 7d)` | whether there is one | false |
//! | `count(view in 7d) >= 3` | how many | 0 |
//! | `sum(payment.amount in 7d) > 100` | the sum of the numbers | 0 |
//! | `avg(payment.amount)`, `min(payment.amount)`, `max(payment.amount)` | the mean; the least and the greatest, also of instants | missing |
//! | `stddev(payment.amount in 90d)` | the deviation of a sample, from two numbers on | missing |
//! | `median(payment.amount in 90d)`, `percentile(payment.amount in 90d, 90)` | by nearest rank: always one of the numbers | missing |
//! | `distinct(view.sku in 7d) >= 5` | how many different values | 0 |
//! | `mode(view.category in 30d) = "shoes"` | the most frequent value; of equals the one seen last | missing |
//! | `now - last(purchase) > 30d`, `first(any)` | the instant of the latest, the earliest | missing |
//! | `last(view.category) = "shoes"`, `first(search.city)` | the value in the latest, the earliest that has one | missing |
//! | `active_days("Workout Completed" in 28d) >= 8` | on how many days, in the zone of the user | 0 |
//! | `streak("Workout Completed") >= 7` | how many days in a row, up to today or yesterday | 0 |
//! | `sequence(add_to_cart, not purchase)` | see below | false |
//!
//! Behind `where` names are those of the event. What changes by the clock is not known there; a window says when.
//!
//! | behind `where` | is |
//! | --- | --- |
//! | `category = "shoes" and seconds > 10` | properties |
//! | `context.device.type = "mobile"`, `context.campaign.source = "mail"` | where the message came from |
//! | `category = user.plan` | an attribute of the user, as it is when the segment is looked at |
//! | `at.hour between 5 and 9`, `at.weekday in ["sat", "sun"]` | when the event was, in the zone of the user |
//! | `at >= @2026-01-01` | its instant |
//!
//! | window | an event at t is in it when |
//! | --- | --- |
//! | `in 30d` | now − 30d < t ≤ now: it leaves 30 days after t, to the millisecond |
//! | `from 60d to 30d ago` | now − 60d < t ≤ now − 30d |
//! | `in today`, `in this week`, `in this month`, `in this year` | t is in the same day, week from Monday on, month or year of the user's calendar |
//! | `in yesterday`, `in last week`, `in last month`, `in last year` | in the one before |
//! | `in last 3 days`, `in last 2 weeks`, `in last 6 months` | in one of so many before this one; `in 3d` are the last 72 hours |
//! | `in session` | in the session that goes on |
//! | `since last(purchase)` | behind that event; nothing is, where there was none |
//! | `since @2026-01-01`, `before @2026-06-01`, `between @2026-01-01 and @2026-06-01` | t ≥ the first, t < the second |
//!
//! # One after the other
//! A sequence holds when there are events for its steps in that order; of equal instants the one that arrived first
//! comes first.
//!
//! | written | holds when |
//! | --- | --- |
//! | `sequence(search, booking)` | a booking came after a search |
//! | `sequence(search, booking within 1h) in 7d` | within an hour, and both in the last seven days |
//! | `sequence(view, not purchase, view)` | between two views there was no purchase |
//! | `sequence(add_to_cart, not purchase)` | no purchase came after the last of them, up to now |
//! | `sequence(add_to_cart, not purchase within 2h)` | two hours passed after one without a purchase |
//!
//! # One thing at a time
//! Which cart, which city, which category: a segment with `by` is about a user and a thing. It sees only events with
//! one value of that property, in turn for each value, and changes tell which (`Change::key`); a journey that begins
//! with one takes it as its key. `key` is the value, `budget[key]` the attribute of that name.
//! [`keys`](crate::engine::Engine::keys) says for which a user is in it. At most `parts_max` values of a user are live
//! at once.
//!
//! ```toml
//! overspent = { by = "category", when = "sum(payment.amount in this month) > 0.9 * budget[key]" }
//! ```
//!
//! In one expression, without a segment of its own:
//!
//! | written | holds when |
//! | --- | --- |
//! | `some city: (did(search in 24h) and not did(booking in 24h))` | it does for some city |
//! | `some sku: (count(view in 7d) >= 3)` | one item was looked at three times |
//!
//! # What the engine knows itself
//! Events that it records where something asks for them; their names and properties are in
//! [`definitions`](crate::definitions#what-the-engine-writes-down-itself).
//!
//! | written | holds when |
//! | --- | --- |
//! | `not did(message.opened where channel = "email" in 60d)` | no mail was opened |
//! | `did(attribute.changed where name = "plan" and from = "free" and to = "pro" in 7d)` | the plan changed so |
//! | `count(segment.entered where name = "active") >= 2` | the user came back |
//! | `count(decision.shown where placement = "hero" in 7d) - count(decision.clicked where placement = "hero" in 7d) > 5` | shown often, and not wanted |
//!
//! # Rules to begin with
//! | for | rule |
//! | --- | --- |
//! | a fashion shop: close to buying | `count(view where category = "shoes" in 7d) >= 3 and not did(purchase in 7d)` |
//! | an abandoned cart | `sequence(add_to_cart, not purchase) and now - last(add_to_cart) >= 1h` |
//! | who buys again, and is late | `count(purchase) >= 3 and now - last(purchase) > 1.5 * (last(purchase) - first(purchase)) / (count(purchase) - 1)` |
//! | spends more than before | `sum(purchase.amount in 30d) > 1.5 * sum(purchase.amount from 60d to 30d ago)` |
//! | a travel app: undecided, nearby, today | `some city: (did(search in 24h) and not did(booking in 24h)) and distance(location, home) > 50 km` |
//! | a fitness app: the habit is at risk | `count("Workout Completed" in 30d) >= 4 and now - last("Workout Completed") > 5d` |
//! | a morning person | `count("Workout Completed" where at.hour between 5 and 9 in 30d) > 0.5 * count("Workout Completed" in 30d)` |
//! | a bank: dining out of hand | `sum(payment.amount where category = "dining" in this month) > 0.9 * budget.dining` |
//! | an unusual payment | `last(payment.amount) > avg(payment.amount in 90d) + 3 * stddev(payment.amount in 90d)` |
//! | a growth team: trial ends, and the product is used | `trial_ends - now between 0d and 3d and active_days(any in 7d) >= 3` |
//! | new, by phone | `session.number = 1 and last(view.context.device.type) = "mobile"` |
//! | may be written to, and has not been for a week | `subscribed("email") and reachable("email") and not did(message.sent where channel = "email" in 7d)` |
//!
//! # What is refused, and what it costs
//! - Errors say where and what to write instead: unknown names with the nearest known one, kinds that do not fit,
//!   comparisons that chain, windows that can hold nothing, and expressions of which it cannot be told when time
//!   changes them. A text has at most [`TEXT_BYTES_MAX`] bytes, [`DEPTH_MAX`] levels and [`NODES_MAX`] nodes.
//! - Profiles keep what rules look back at, and no more: `did(view in 7d)` keeps views for seven days. `did`, `count`,
//!   `sum`, `avg`, `min`, `max`, `first` and `last` without a window keep one running value and no event, unless their
//!   `where` asks for the user or the hour; the others without a window keep all events of their kind for ever.
//! - A rule that is asked for in a hundred segments is kept once. A message costs by the rules that it can change.
//! - [`Engine::explain`](crate::engine::Engine::explain) says why somebody is in a segment and what changes it next,
//!   [`why_not`](crate::engine::Engine::why_not) what is missing, and
//!   [`evaluate_all`](crate::engine::Engine::evaluate_all) who would be in one that is not defined.
//!
//! [`TEXT_BYTES_MAX`]: crate::segment::TEXT_BYTES_MAX
//! [`DEPTH_MAX`]: crate::segment::DEPTH_MAX
//! [`NODES_MAX`]: crate::segment::NODES_MAX

#[cfg(test)]
mod tests {
    use crate::definitions::Definitions;

    /// The lines of the page that is above.
    fn page() -> impl Iterator<Item = &'static str> {
        include_str!("guide.rs")
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
    }

    /// What stands in backquotes.
    fn quoted(text: &str) -> Vec<&str> {
        text.split('`').skip(1).step_by(2).collect()
    }

    /// Whatever the tables say can be written, can be.
    #[test]
    fn all_that_the_guide_says_can_be_written() {
        let toml: Vec<&str> =
            page().skip_while(|line| *line != "```toml").skip(1).take_while(|line| *line != "```").collect();
        let toml = toml.join("\n");
        let (mut head, mut segments) = (String::new(), Vec::new());
        for line in page() {
            let cells: Vec<&str> = line.split(" | ").collect();
            let [first, second, ..] = &cells[..] else { continue };
            let first = first.trim_start_matches("| ");
            if !line.starts_with("| ") {
                continue;
            }
            if ["written", "window", "behind `where`", "for"].contains(&first) {
                head = first.into();
                continue;
            }
            let own = if head == "for" { second } else { &first };
            for text in quoted(own) {
                segments.push(match &*head {
                    "window" => format!("did(view {text})"),
                    "behind `where`" => format!("did(view where {text})"),
                    // Values are asked for whether they are there; distances stand beside others only.
                    _ if text.ends_with("km") && !text.contains('(') || text == "300 m" || text == "2 mi" => {
                        format!("distance(home, location) > {text}")
                    }
                    _ => format!("({text}) is present"),
                });
            }
        }
        let rule = |(number, rule): (usize, &String)| format!("guide_{number} = '''{rule}'''");
        let rules: Vec<String> = segments.iter().enumerate().map(rule).collect();
        let text = format!("{toml}\n{}", rules.join("\n"));
        assert!(segments.len() > 120, "{}", segments.len());
        if let Err(errors) = Definitions::from_toml(&text) {
            panic!("{errors:#}");
        }
    }

    /// Every function and aggregate that the language has is on the page.
    #[test]
    fn the_guide_has_all_functions() {
        use crate::segment::{check_calls::FUNCTIONS, check_facts::FACTS, parse::AGGREGATES};
        let page: Vec<&str> = page().collect();
        for name in FUNCTIONS.into_iter().chain(FACTS).chain(AGGREGATES) {
            assert!(
                page.iter()
                    .any(|line| line.contains(&format!("`{name}(")) || line.contains(&format!(" {name}("))),
                "{name}"
            );
        }
    }
}
