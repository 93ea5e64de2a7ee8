//! # definitions: everything a host defines, as one checked whole
//! In: a TOML text. Out: [`Definitions`], or [`Errors`]: every mistake in the text, each with its line, the place
//! marked, and what to do. Imports the rooms below the engine; knows nothing of storage. Reads no file.
//!
//! text → spanned document (`toml`) → tables (`reader`, a file for each table) → compiled on trial by the rooms
//! (`check`) → places of what they refuse (`source`)
//!
//! Invariants: 1. [`Definitions`] that exist are right: the engine compiles them without an error. 2. A text is
//! taken whole or not at all. 3. A mistake is told once, where it was made: what follows from it is not told.
//! 4. Segments, journeys, placements, caps and interactions keep the order of the text.
//!
//! # The tables
//! Durations are strings as in the segment language: `"30m"`, `"1h30m"`, `"7d"`, at most `"36500d"`. Expressions
//! read best in single quotes, so that they can have texts in double ones: `'country = "FR"'`. Names that are not
//! only letters, digits, `_` and `-` go in quotes: `"budget.*"`, `[events."order.completed"]`; they have at most 200 bytes.
//!
//! | table | keys (default) |
//! | --- | --- |
//! | | `version = 1`, required |
//! | `[settings]` | `timezone` ("UTC"), `session_gap` ("30m"), `allowed_skew` ("5m"), `dedup_window` ("7d"), `schema` ("strict": names that are not declared are errors in definitions; "closed": and are not kept of messages; "lenient": they are allowed), `parts_max` (256, most live parts of a keyed segment per user, to 65536: beyond, the one goes that has been idle longest, since its latest event that a window of the segment sees), `device` ("owner", or "separate": whose events are that come from a device of a user who has logged out), `undo_window` ("30d", at least "1d": how long a merge can be undone by `split`), `hash_key` (none; at least 16 bytes, needed where anything is kept as a hash), `seed` (0; the salt of the hashes that stay of erased users follows from it, once and for all when a partition begins: keep it secret) |
//! | `[ids]` | kind = `{ strength = "strong" }` (the id of one person, such as a hash of an address) or `"weak"` (of a thing that may change hands), and `limit` (strong: 1, weak: 200; most of the kind per profile): ids that messages name in `ids` |
//! | `[attributes]` | name = kind, or `{ kind = "string", pii = "direct", store = "hash", ttl = "30d" }` (see below); `"budget.*"` is every name under `budget.`; `devices = [{ os = "string", last_seen = "instant" }]` is a list of objects, for `has(devices where …)` |
//! | `[events.NAME]` | property = kind, or a table as for attributes; `products = [{ sku = "string", price = "number" }]` is a list of objects |
//! | `[lists]` | name = 'what it is for': who is on it is changed by messages, and asked by `list("vip")` |
//! | `[consent]` | purpose = `{ default = "denied" }`, or `"granted"`: what holds for users who have said nothing; asked by `consent("purpose")`, and `marketing` by `subscribed("channel")`; five of them the engine asks for itself (see below) |
//! | `[channels]` | name = `{ address = "attribute" }` (the attribute of the channel's name): whoever has it is `reachable("name")`, and nobody else is sent anything by it |
//! | `[world]` | name = kind: facts that the host sets for everyone, known as `world.NAME` |
//! | `[catalogue]` | attribute = kind: what is kept of items, which messages describe; known as `item.NAME`. `vector = 64` is how many numbers the vector of an item has. See below |
//! | `[affinity.PROPERTY]` | `half_life` ("7d"), `weights = { EVENT = 1.0 }` (every event, with 1) |
//! | `[segments]` | name = 'expression' (see [`segment::guide`](crate::segment::guide)), or `{ by = "property", when = 'expression' }` |
//! | `[lifecycle]` | `order = ["churned", "active"]`, names of segments: `lifecycle` is the name of the first that holds |
//! | `[scores.NAME]` | `points = [{ event = "view", where = 'condition', points = 1 }, { when = 'expression', points = 10 }]` (`where` optional), and `half_life = "14d"` or `in = "30d"` (events count for ever): see below |
//! | `[templates.NAME]` | field = 'text', a template in the language of Jinja: see [`Variant::content`](crate::decision::Variant::content) |
//! | `[delivery]` | `quiet = { CHANNEL = { from = "22:00", to = "08:00", on = "defer" } }` (`on` is "defer", "drop" or "bypass"), `throttle = { CHANNEL = { max = 600, per = "1m", burst = 1 } }`, `dedup` (a duration), `answers = "7d"` (how long after its first answer an action takes others), `send_time = { explore = 0.05, half_life = "45d", segments = ["NAME", …], fallback = "19:00" }` |
//! | `[[delivery.cap]]` | `scope` ("global", "channel:NAME" or "tag:NAME"), `max`, `per` ("day" or "week") or `window` (a duration), `counts` (["marketing", "service"]), `capped` ("skip" or "defer") |
//! | `[journeys.NAME]` | `class` ("marketing", "service", "transactional"), `priority` (0), `enter`, `audience` (everybody), `exit = [TRIGGER, …]`, `goal` (a TRIGGER with `within`, a duration), `holdout` (0 percent), `late = { tolerance = "1h", catch_up = "6h", else = "skip" }` ("skip", "exit", "next_window"), `expires` (a duration), `tags`, `purpose` (that of the class), `on_change` ("pin", or "migrate"), `moved_to = { OLD_STEP = "new_step" }` |
//! | `[[journeys.NAME.step]]` | `id`, and an action: see below |
//! | `[experiments.NAME]` | `arms = { control = 50, treatment = 50 }` (weights of two arms or more), `salt` (the name), `traffic` (100; percent of users who take part), `audience` (everybody), `consent` ("experiment"; a purpose); see below |
//! | `[placements.NAME]` | `salt` (the name) |
//! | `[[placements.NAME.variant]]` | `name`, `when` (everybody; knows `request.…`), `priority` (0), `weight` (1.0), `content = { field = 'text' }` |
//! | `[recommend]` | `interactions = { EVENT = { item = "property", weight = 1.0, action = "viewed" } }` (a weight below 0 speaks against the item; `action = "shown"` weighs nothing and counts as an impression; `grade = { property = "seconds", from = 3, full = 60 }` has it weigh in proportion to a number of the event; `outcome`: see below), `popularity`, `trending` (`half_life`, `half_life_slow`, `prior`), `covisitation`, `sessions` (`half_life`, `session_gap`, `kept` (131072), `neighbours`, `rarity`, `returns`, `hop`), `baskets` (`half_life`, `gap`, `neighbours`, `pairs_min`, `lift`), `cold` (`kappa` (20), `twins` (10), `attributes`; see the catalogue below), long-term taste where it is asked for: `ease` (`weight` (0.3), `items`, `every`, `history`, `window`, `reach`, `ridge`, `half_life`, `recency`) and `als` (`weight` (0.3), `factors`, `history`, `sweeps`, `unobserved`, `regularisation`, `frequency`, `half_life`, `recency`), which do `steps` (50) of their work whenever the host moves the clock; `learn_weights` (0: never; else one of so many interactions is predicted first, and what each model counts follows from how well it did), `explore` (`window` (`"1h"`), `half_life` (`"30d"`)): within how long what was shown may be chosen, for `Query::explore`, `rerank` (none; `features`: see below): what comes next is ordered by what is chosen of what is shown, `skill` (`step` (0.5), `session` (`"4h"`), `repeat` (0.5), `width` (0.1), `drift` (0.005), `spread` (1), `difficulty`: see below), `k_min` (10, to 20): what goes with what is told only where so many users stand behind it, else what is popular; `remember` (none; `"90d"`: how long interactions are kept with their users, for what was done, dismissed, or is wanted again), `daily_max` (500: interactions of a user that are learned on one day) |
//! | `[retention]` | `events = { NAME = "90d", default = "365d" }`, `attributes = { NAME = "30d", "budget.*" = "7d" }`, `anonymous`, `idle`, `outbox`, `journal`: how long things may be kept, at least `"1h"` (for as long as definitions look back); see below |
//!
//! - Kinds are `bool`, `number`, `string`, `instant`, `geo` and `list`.
//! - A score is the sum of its points, in the order in which they are given: for each event, oldest first, and then
//!   for what holds. With a half-life those of an event are worth points × 2^(−age ÷ half-life) for 60 half-lives,
//!   which is how long it is kept, and then nothing; points of events are then all above or all below 0, because what
//!   fades against each other tells no instant. With `in` they are worth all until the event is so old. Points are at
//!   most 1e9 either way. Conditions may ask for segments, not for scores.
//! - A TRIGGER is `{ event = "NAME", where = 'condition', key = "property" }` (the last two optional),
//!   `{ segment_entered = "NAME" }` or `{ segment_left = "NAME" }`. `enter` is a trigger, or one of
//!   `{ date = "attribute", offset = "-1d", yearly = true, at = "09:00" }` (all but the first optional),
//!   `{ cron = "0 18 * * 1-5" }` in the user's zone, `{ item = "price_drop", where = 'condition', key = "sku" }`
//!   ("price_drop", "back_in_stock" or "change"; see the catalogue below) and `{ call = true, key = "property" }`, with `reentry` as `"after_exit"` (the
//!   default), `"once"`, `"restart"`, `{ after = "7d" }` or `{ parallel = 3 }`.
//! - The action of a step is one of
//!   - `wait = "1h"`;
//!   - `wait_until = { day, at = "19:00" }`, where `day` is "today", "tomorrow", "entry", or a day of the week, and
//!     `at = "best"` may come with `between = "17:00-21:30"` and `fallback = "19:30"`;
//!   - `wait_for = { any = [CONDITION, …], timeout = "4h", then = "id", else = "id" }`, or `all`: a CONDITION is a
//!     TRIGGER, or what the host says of a message: `{ opened = "id" }`, with the step that sent it, likewise `sent`,
//!     `delivered`, `clicked`, `failed`, `unreachable`, `suppressed`;
//!   - `branch = [{ when = 'expression', to = "id" }]`, and `split = { salt, arms = { a = 50, b = 50 }, to = { a = "id" } }`
//!     by weight, the same user always alike;
//!   - `experiment = "NAME"` with `to = { treatment = "id" }` beside it: the way of the user's arm; an arm without a step
//!     goes on to the next one, and so does who takes no part;
//!   - `send = { channel, template, expires, unreachable = "id", at = "best", between, fallback, capped = "skip", purpose,
//!     tags, dedup }`: only the first two are required; `capped` is "skip", "defer" or the `id` of a step; `dedup` is a
//!     duration or `{ key, window }`;
//!   - `set = { attribute = value }`, `emit = { event, properties }`, `call = { channel, properties }`, where a value may be
//!     a template: `set = { last_cart = "{{ event.cart_id }}" }`; see below;
//!   - `goto = "id"`. Every id may be `end`.
//! - `on_change` says what becomes of who is in a journey when other definitions come that define it otherwise: with `"pin"`
//!   they go on under the version by which they entered, with its steps, exits and goal; with `"migrate"` at the step of the
//!   same id, where a wait keeps its deadline. A step that is gone goes on at the one that `moved_to` names for it, or the
//!   journey ends there.
//! - `interactions = { EVENT = { item = "sku", weight = 1.0, action = "viewed" } }`: only `item` is required; in
//!   order lines it is `products.sku`. Actions are `viewed`, `liked`, `saved`, `added`, `bought`, `played`,
//!   `finished` and `chose`. `popularity = { half_life = "7d", kappa = 20, context = ["place"] }`;
//!   `covisitation = { half_life = "30d", session_gap, neighbours = 200, back = 0.3, position_decay = 0.7 }`, where
//!   `session_gap` is that of the settings unless it is given.
//! - `outcome` makes an interaction an attempt, of which it is learned how able users are and how difficult items, for
//!   [`Query::at_chance`](crate::recommend::Query::at_chance): a number from 0, failed or given up, to 1, done (`outcome = 0`
//!   for the event of giving up), a property that is such a number or a truth (`outcome = "share"`), or one in proportion
//!   (`outcome = { property = "minutes", full = 30 }`). An event without its property is no attempt.
//!   `skill = { difficulty = { attribute = "level", from = 1, full = 10 } }` names the number of the catalogue that says how
//!   difficult an item is as long as nobody has tried it: at `from` seven in eight of average users do it, at `full` one. The
//!   other keys are as in [`SkillsParams`](crate::predict::SkillsParams).
//! - `rerank = { features = ["price < 100", "brand = user.favourite"] }` has what comes next (for a user or in a session)
//!   ordered by how probably it is chosen when it is shown: learned from all that is said to be shown, and what the user did
//!   with it within `window` of `explore`. What it is learned by: how well an item fits, which alone orders as long as nothing is
//!   known; what each model says of it, how popular, rising and new it is, and which of the expressions about items hold (as in
//!   [`Query::only`](crate::recommend::Query::only); at most 16); beside them its own record. The place in the list that a
//!   message names is learned, too, and taken off. Where a draw is made is for
//!   [`Query::explore`](crate::recommend::Query::explore) to say. Learning starts anew where features change. A message that
//!   says what was shown costs as much as a recommendation then.
//!
//! # Local times, and what comes late
//! Local times are those of the zone in the attribute `timezone`, or of the settings. A time that the clocks skip moves
//! forward by as much as they do; of one that they show twice, the first counts. When a user's zone changes, what waits
//! for a local time and is not due yet is worked out anew; `wait = "1h"` stays.
//!
//! - `wait_until` without a `day` is for the next time that its clock shows `at`, and with a day of the week for the next
//!   of those; where it shows it just then the wait is over, unless a loop came back to it. With "today" (the day on which
//!   the wait begins) or "entry" (that of the entry) it is over at once where the time has passed. With
//!   `at = "best"` it is for the best hour of its day, or of the next 24 hours where it has none, and over at once where no
//!   hour of its day is left; a loop that comes back to it takes one of a later day. The send behind it says how probable
//!   the choice was.
//! - `date` names an attribute that is declared an instant; `yearly` is for its anniversaries, those of 29 February on the
//!   28th where there is no 29th. Without `at` and `yearly` the `offset` is exact; else it counts on the clock on the wall, so
//!   "-1d" is the same time the day before. It begins a journey once, in whatever zones the user is. A date that is over
//!   when it becomes known begins nothing, but for what `tolerance` allows by the instant of the message.
//! - `cron` has five fields: minute, hour, day of the month, month, and day of the week; see
//!   [`Cron`](crate::trigger::Cron). It is for the members of `audience` at that instant. No local time comes twice for one
//!   user. An audience that is one `segment("NAME")` costs least: nobody outside is looked at.
//! - `late`: an event begins a journey up to `tolerance` behind its own instant, and waits count from that. A send that is
//!   more than `catch_up` behind its due instant when the host moves the clock is not sent ("skip"), ends the journey ("exit")
//!   or waits for the next time that it is as late in the day as when it was due ("next_window"). Of recurring instants that
//!   passed meanwhile the latest begins the journey, however late, and a note says how many were `missed` before it.
//!
//! # Values of steps
//! A text in `set`, `emit` or `call` with `{{ … }}` in it is a template, with the limits of one, and made for each user: it
//! knows what the content of a message knows (`user`, `event`, `key`, `item`). One that is a single expression gives what
//! that gives, a number, a truth, a place or a list too; else it is text. A number or a truth for what is declared a string
//! is written as text; for what is declared anything else the kind has to be right, where `schema` is strict. What is missing
//! is null, which unsets an attribute. Where a value cannot be made, or is one that no message could have, nothing of the
//! step is done, a note says so (`not done: its template cannot be rendered`), and the journey goes on.
//!
//! # Experiments
//! Which arm a user is in follows from salt, arms and the user's bucketing id alone (see
//! [`Experiment`](crate::experiment::Experiment)), so it stays when a visitor turns out to be a user, and a `split` becomes an
//! experiment of the same salt and arms without moving anybody. Who takes part is drawn apart from the arm: more `traffic`
//! brings users in and moves nobody between arms.
//!
//! A user takes no part who is restricted, does not agree to `consent` (where that purpose is declared), is not in the
//! `audience` when the step is taken, or is not in the `traffic`, and is in no arm then, also not in the first one. In a
//! journey such users go on to the step behind the experiment, with a note (`outside the experiment: not in the traffic`),
//! and no exposure is recorded. [`Engine::arm`](crate::engine::Engine::arm) tells the same outside of journeys, and records
//! nothing; a host that shows the arm itself says so with [`Engine::expose`](crate::engine::Engine::expose).
//!
//! An exposure is noted when the step is taken, once for each user, experiment and arm; where anything reads it, with the
//! event `experiment.exposed`. Of whom the journey holds out none is, because they see nothing of it. Whoever was exposed to
//! two arms has crossed over, because weights or arms were changed; both are in the user's profile.
//! [`Engine::analyse`](crate::engine::Engine::analyse) tells what the arms brought.
//!
//! # How long things are kept
//! What may be kept no longer goes at its instant, as if it had never been kept, and whatever segments that changes is
//! reported at that instant with the cause `retention`.
//!
//! - An event goes so long after its own instant, the elements of its lists with it; `default` is for events that have no
//!   line of their own, also those that the engine records. One that comes later than that is not kept at all. An
//!   expression without a window (`did(view)`) is then about what is kept; one with a window that reaches further back is
//!   an error. Scores count what is kept. Affinities, sessions and what recommenders have learned are sums, and stay.
//! - An attribute goes so long after it was last written. A name goes before a group (`"budget.*"`), a longer group before
//!   a shorter one.
//! - A visitor (`anonymous`), or a user (`idle`), is erased so long after the latest message, by the instants that messages
//!   carry: one that comes late, and is older than that, keeps nobody. A message of that very instant still counts.
//! - An action that has waited so long (`outbox`) is not handed out any more.
//! - `journal` is for how long the inputs of a store stay although a checkpoint has passed them, as
//!   [`Engine::journal`](crate::engine::Engine::journal) gives them; without it they go with the next one. They go once
//!   they are older than that, with a checkpoint that is taken for it: at most a quarter of the time late, as long as
//!   inputs come. A journal has what messages said, so the lines above do not shorten it; of users who are erased nothing
//!   in it can be read from then on.
//!
//! # Consent
//! A purpose that is declared is asked for by the engine, not by the host; one that is not declared is asked for
//! nowhere, so hosts without `[consent]` need none. Purposes of the host's own are for expressions.
//!
//! | purpose | where it is asked for | without it |
//! | --- | --- | --- |
//! | `collect` | events (track, page, screen) | not kept, makes no profile and links no ids; counted, and told in the outcome as `refused` |
//! | `personalize` | affinities, `decide` | nothing is learned; the answer is that for somebody unknown, reason `no_consent` |
//! | `recommend` | recommenders, `recommend` | the same |
//! | `marketing` | sends of class `marketing` | a note: `no_consent`, or `unsubscribed` where the record is that of the channel |
//! | `experiment` | experiments, unless one names another purpose | the user takes no part |
//!
//! Messages that are no events pass whatever the user says: they tell to whom events belong and what the user wants.
//! Of an event with both ids the record counts that both profiles have once they are one. Classes `service` and
//! `transactional` need no consent. What waits in the outbox and may not go out any more is taken back in the call that
//! brings the withdrawal, with notes; a grant that expires meanwhile ends it too (`expired in the outbox`).
//!
//! # The catalogue
//! Messages of type `item` say what an item is, and those of type `remove_item` that it is no more; both hold at once. Of
//! an item what `[catalogue]` declares is kept, whatever `schema` says; a strict schema refuses other names. Six
//! attributes mean something to the engine itself, so that their kinds are fixed:
//!
//! | attribute | kind | meaning |
//! | --- | --- | --- |
//! | `price` | `number` | a journey that is entered by `price_drop` looks at it |
//! | `stock` | `number` | at 0 or below the item is not available |
//! | `available` | `bool` | `false` says that it is not |
//! | `expires` | `instant` | from then on it is not recommended |
//! | `tags` | `list` | what it is like |
//! | `title` | `string` | what reasons call it: "because you viewed Trail boot" instead of its id |
//!
//! What is not available, has expired, or was removed is recommended to nobody. An item that no message describes is
//! recommended like any other: events alone are enough. Expressions about items say `price` or `item.price`, also beside
//! the user: `item.price <= user.budget`. The vector of an item is for recommenders, and no expression reads it.
//!
//! An item that is described and that hardly anybody has touched yet is recommended beside those that it is like, from the
//! message on that describes it, and gives way to evidence: what its `twins` (10) most alike items are worth counts
//! `kappa / (kappa + n)` for it, where `n` is how often it was touched. Items are alike as their vectors are, or else as
//! the values of `attributes` are, rare ones more: all that are strings or lists but `title`, unless `[recommend]` names them:
//! `cold = { attributes = ["category", "tags"] }`. A text that is another one for each item says nothing;
//! of many attributes name those by which a person would say that two items are alike. `kappa = 0` switches it off.
//!
//! A journey that is entered by `item` begins with a message that changes an item which was in the catalogue before: its
//! price dropped, it was not available and is again, or any attribute is another one. What is said of an item for the
//! first time begins nothing. The id of the item keys the instance.
//!
//! - `where` is about the item as it is, as it was (`old.price`), and the user: `'price <= 0.9 * old.price and price <= user.budget'`.
//! - `key` names the property of events that is the id of an item. The `audience` is asked of the user's events about this
//!   item then, as in a segment with `by`: `'did(view in 30d) and not did(purchase)'`, `'segment("in_cart")'` where that is
//!   keyed by the same, `'watched contains key'` with a list of the user's.
//! - Whom it does not concern is left alone, and no note says so. A change costs a look at everybody for whom it may begin
//!   a journey: the members of a segment that the audience asks for, `'segment("watchers") and …'`, or all users where it
//!   asks for none. A `where` about the item alone is asked first, and once.
//! - Templates know the item as it is when the message is made, of any journey whose key is the id of an item:
//!   `{{ item.title }}`; and in a journey that an item began, what changed: `{{ event.old.price }}`, `{{ event.new.price }}`.
//!
//! # What is kept of a value
//! `pii` is `"direct"` (it says who the user is), `"quasi"` (it may, together with others) or `"sensitive"`. What is
//! direct is for whoever asks for this user's data, by `profile`, `export` or a template: in explanations and when a
//! value is debugged it is `‹hidden›`, `attribute.changed` does not copy it, and nothing can be keyed by it or learn from
//! it, because keys and what was learned are shown. A [`Message`](crate::model::Message) is the host's own until it is
//! taken in, and is debugged as it is.
//!
//! Under `schema = "closed"` only what is declared is kept of a message: other attributes, other properties of events, and all
//! properties of events that are not declared, are dropped before anything else sees them, and templates find them missing.
//! Contexts stay, and so do the objects of lists that are declared, whole; of what was kept before, attributes go.
//!
//! `store` is `"plain"`, `"hash"` (strings only: 32 hexadecimal digits of an HMAC-SHA-256 under `hash_key` are kept) or
//! `"drop"`. Both happen before anything else sees a message, the journal included. A hash can be compared with a text
//! that is written out (`=`, `!=`, `in`), of which the hash is taken too, and with another hash; what is dropped cannot
//! be asked for. Attributes that are there already are kept so too; events stay as they were until they pass. With another key
//! equal values have other hashes.
//!
//! `ttl` is for how long a value is kept: that of an attribute after it was written, as `attributes` under `[retention]`
//! says it too, that of a property after the instant of its event, which stays without it. It goes at its instant, as what
//! retention says goes. Running values do not count what is kept no longer, so an expression that reads such a property of
//! events over all time looks at events, and is about the values that are there. One with a window that reaches further
//! back is an error. Journeys forget of the event that began them what may be kept no longer, and templates find it missing;
//! `attribute.changed` does not copy an attribute that has a `ttl` (of one that is given it later, events stay as they were until
//! they pass). What was made of a value while it was there stays:
//! affinities, what recommenders learned, keys of instances, what waits in the outbox and what was sent.
//!
//! # What the engine writes down itself
//! Events, recorded where an expression or a trigger reads them. They need no declaration, make no session, are not in
//! `any`, and nothing learns from them.
//!
//! | event | when | properties |
//! | --- | --- | --- |
//! | `attribute.changed` | a message changes the value of an attribute | `name`, `from`, `to`: of the attribute's kind where a condition says `name = "plan"`, and a hash where that is kept as one |
//! | `segment.entered`, `segment.left` | a membership begins or ends | `name`; `key` where the segment is keyed |
//! | `identity.switched` | a device, or another weak id, goes to another user: for both | |
//! | `message.sent`, `.delivered`, `.opened`, `.clicked`, `.failed`, `.suppressed` | the host says so of an action; an unreachable user is a failure | `channel`, `journey`, `step`, `template` |
//! | `experiment.exposed` | a step of a journey leads a user the way of an arm for the first time | `experiment`, `arm` |
//! | `decision.shown`, `decision.clicked` | the host says so of a decision | `placement`, `variant` |
//!
//! Facts, which expressions ask for by name:
//!
//! | fact | value |
//! | --- | --- |
//! | `list("vip")` | whether a message put the user on the list |
//! | `consent("purpose")` | whether the latest record grants it, and has not expired; else the purpose's default |
//! | `subscribed("email")` | the consent to `marketing` by the channel, or else in general |
//! | `reachable("email")` | whether the user has an address in the channel |
//! | `entered("segment")` | the beginning of the stay; of a keyed segment the longest, and where the same property keys the asking one, that of the same key |
//! | `in_journey("name")` | whether the user is in the journey, for any key |
//! | `variant("placement")` | the variant that was shown last |
//! | `predict.NAME` | a number that the host set for the user |
//! | `world.NAME` | what the host set for everyone |
//!
//! Segments that ask what other segments do (`entered`, `segment.entered`, `segment.left`) are looked at behind those, at
//! the same instant, and so are those that ask for a journey behind the journeys. To ask in a circle is an error. A
//! segment that asks for the changes of segments without naming them sees all but those of its like, and what it does
//! itself is no event.
//!
//! ```
//! use bespoke::definitions::Definitions;
//! let definitions = Definitions::from_toml(r#"
//! version = 1
//!
//! [events.add_to_cart]
//! cart_id = "string"
//! [events.purchase]
//! cart_id = "string"
//!
//! [segments]
//! cart_left = { by = "cart_id", when = 'sequence(add_to_cart, not purchase) and now - last(add_to_cart) >= 1h' }
//!
//! [templates.cart_push]
//! title = "Still thinking about it?"
//!
//! [journeys.cart]
//! enter = { segment_entered = "cart_left", reentry = { after = "7d" } }
//! exit = [{ event = "purchase", key = "cart_id" }]
//! step = [{ id = "push", send = { channel = "push", template = "cart_push", expires = "12h" } }]
//! "#)?;
//! assert_eq!(definitions.journey_names().collect::<Vec<_>>(), ["cart"]);
//! # Ok::<(), bespoke::definitions::Errors>(())
//! ```

mod catalogue;
mod check;
mod content;
#[allow(clippy::module_inception)] // the room is named after what comes out of it, and so is the type
mod definitions;
mod delivery;
mod error;
mod experiments;
mod facts;
mod ids;
mod journeys;
mod loose;
mod pinned;
mod reader;
mod recommend;
mod recommenders;
mod retention;
mod schema;
mod scores;
mod segments;
mod settings;
mod source;
#[cfg(test)]
mod tests;
mod values;

pub use definitions::{Definitions, TEXT_BYTES_MAX};
pub use error::{ERRORS_MAX, Error, Errors};

#[allow(unused_imports)] // for the engine
pub(crate) use check::Compiled;
pub(crate) use pinned::Pinned;
pub(crate) use recommend::{InteractionDefinition, RecommendDefinition, Weighted};
pub(crate) use segments::SegmentDefinition;
pub(crate) use settings::Settings;
