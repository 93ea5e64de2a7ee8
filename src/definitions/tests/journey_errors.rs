use super::errors::check;

const JOURNEY: &str = "version = 1\n[events.go]\nkey = 'string'\n[segments]\nhot = 'true'\n[journeys.a]\n";

#[test]
fn journeys() {
    check(
        JOURNEY,
        &[
            ("", &["6:11: `enter` is missing", "6:11: `step` is missing"]),
            (
                "enter = { evnt = 'go' }\nstep = []",
                &[
                    "7:1: the trigger is missing (say one of `event`, `segment_entered`, `segment_left`, `date`, `cron`, `item`, `call`)",
                    "7:11: unknown key `evnt` (did you mean `event`?)",
                ],
            ),
            ("enter = { event = 'goo' }\nstep = []", &["7:19: unknown event `goo` (did you mean `go`?)"]),
            (
                "enter = { event = 'go', key = 'kye' }\nstep = []",
                &["7:31: the event `go` has no property `kye` (did you mean `key`?)"],
            ),
            (
                "enter = { event = 'go', segment_left = 'hot' }\nstep = []",
                &["7:25: `event` and `segment_left` exclude one another"],
            ),
            (
                "enter = { segment_left = 'hit' }\nstep = []",
                &["7:26: unknown segment `hit` (did you mean `hot`?)"],
            ),
            (
                "enter = { segment_left = 'hot', where = 'x', key = 'k' }\nstep = []",
                &["7:33: `where` goes with `event`", "7:46: `key` goes with `event`"],
            ),
            (
                "enter = { date = 'born', offset = '-1x', yearly = 1, at = '25:00' }\nstep = []",
                &[
                    "7:18: unknown attribute `born` (declare it under [attributes] as `born = \"instant\"`)",
                    "7:35: `1x` is not a duration",
                    "7:51: `true` or `false` is wanted, this is an integer",
                    "7:59: `25:00` is not a time of day",
                ],
            ),
            (
                "enter = { item = 'prise_drop', kee = 'k' }\nstep = []",
                &[
                    "7:18: unknown change `prise_drop` (did you mean `price_drop`?)",
                    "7:32: unknown key `kee` (did you mean `key`?)",
                ],
            ),
            ("enter = { call = false }\nstep = []", &["7:18: `true` is wanted, this is a boolean"]),
            (
                "enter = { event = 'go', reentry = 'onc' }\nstep = []",
                &["7:35: unknown reentry `onc` (did you mean `once`?)"],
            ),
            (
                "enter = { event = 'go', reentry = { parallel = 0 } }\nstep = []",
                &["7:48: 0 is out of range: at least 1 and at most 256"],
            ),
            (
                "enter = { event = 'go', reentry = {} }\nstep = []",
                &["7:25: the rule is missing (say one of `after`, `parallel`)"],
            ),
            (
                "enter = { event = 'go', reentry = 7 }\nstep = []",
                &["7:35: a word, or `{ after = \"7d\" }`, is wanted, this is an integer"],
            ),
            (
                "enter = { event = 'go' }\nstep = []\nexit = [{ event = 'go', reentry = 'once' }, 3]",
                &["9:25: unknown key `reentry`", "9:45: a table is wanted, this is an integer"],
            ),
            (
                "enter = { event = 'go' }\nstep = []\nclass = 'promo'\npriority = 'high'\naudience = true",
                &[
                    "9:9: unknown class `promo` (it is one of `marketing`, `service`, `transactional`)",
                    "10:12: an integer is wanted",
                    "11:12: a string is wanted",
                ],
            ),
            (
                "enter = { event = 'go' }\nstep = []\ngoal = { within = '0s' }\nholdout = 101\nlate = { catch_up = 6, else = 'stop' }",
                &[
                    "9:1: the trigger is missing (say one of `event`, `segment_entered`, `segment_left`)",
                    "9:19: the duration must be more than 0",
                    "10:11: 101 is out of range: at least 0 and at most 100 percent",
                    "11:21: a duration is wanted",
                    "11:31: unknown rule `stop` (it is one of `skip`, `exit`, `next_window`)",
                ],
            ),
            (
                "enter = { event = 'go' }\nstep = []\nexpires = 3\ntags = ['a', 'a']\npurpose = 'sales'\non_change = 'pine'\nmoved_to = { a = 1 }",
                &[
                    "9:11: a duration is wanted",
                    "10:14: it is named twice",
                    "11:11: unknown purpose `sales` (declare it as [consent.sales])",
                    "12:13: unknown rule `pine` (did you mean `pin`?)",
                    "13:18: a string is wanted",
                ],
            ),
        ],
    );
}

#[test]
fn steps() {
    let before = format!("{JOURNEY}enter = {{ event = 'go' }}\n[[journeys.a.step]]\n");
    check(
        &before,
        &[
            ("wait = '1h'", &["8:1: `id` is missing"]),
            ("id = ''\nwait = '0s'", &["9:6: the name is empty", "10:8: the duration must be more than 0"]),
            (
                "id = 'x'",
                &[
                    "8:1: the step's action is missing (say one of `wait`, `wait_until`, `wait_for`, `branch`, `split`, `experiment`, `send`, `set`, `emit`, `call`, `goto`)",
                ],
            ),
            ("id = 'x'\nwait = '1h'\ngoto = 'y'", &["11:1: `wait` and `goto` exclude one another"]),
            (
                "id = 'x'\nwait_for = {}",
                &[
                    "10:1: the list of conditions is missing (say one of `any`, `all`)",
                    "10:1: `timeout` is missing",
                ],
            ),
            (
                "id = 'x'\nwait_for = { any = [], timeout = '1h', els = 'x' }",
                &["10:20: it waits for nothing", "10:40: unknown key `els` (did you mean `else`?)"],
            ),
            (
                "id = 'x'\nwait_for = { all = [{ opend = 'x' }, { event = 'goo' }, { opened = 'x', event = 'go' }], timeout = '1h' }",
                &[
                    "10:21: the trigger is missing",
                    "10:23: unknown key `opend` (did you mean `opened`?)",
                    "10:48: unknown event `goo`",
                    "10:59: `event` and `opened` exclude one another",
                ],
            ),
            (
                "id = 'x'\nwait_until = { day = 'mon', at = '7:00' }",
                &["10:22: unknown day `mon`", "10:34: `7:00` is not a time of day"],
            ),
            (
                "id = 'x'\nwait_until = { at = 'best', between = '17-19', fallback = '19' }",
                &[
                    "10:39: this is no window of local times (write it as \"17:00-21:30\")",
                    "10:59: `19` is not a time of day",
                ],
            ),
            (
                "id = 'x'\nwait_until = { at = '07:00', between = '17:00-17:00' }",
                &["10:30: `between` goes with `at = \"best\"`", "10:40: the window ends when it begins"],
            ),
            (
                "id = 'x'\nsplit = { arms = { a = -1, b = 0 }, to = { c = 'x' } }",
                &[
                    "10:1: `salt` is missing",
                    "10:11: no arm has a weight above 0",
                    "10:24: a weight of -1 is out of range",
                    "10:44: unknown arm `c` (did you mean `b`?)",
                ],
            ),
            (
                "id = 'x'\nset = { level = 2, tier = 7, ssn = 'x' }\n[attributes]\ntier = 'string'\nssn = { kind = 'string', store = 'drop' }\nlevel = 'number'",
                &[
                    "10:27: `tier` is declared as another kind of value",
                    "10:30: `ssn` is not kept as it is, so no journey can set it",
                ],
            ),
            (
                "id = 'x'\nset = {}\n[[journeys.a.step]]\nid = 'y'\nset = { tier = [1], level = 2 }",
                &[
                    "10:1: the step sets nothing",
                    "13:9: unknown attribute `tier` (declare it under [attributes])",
                    "13:16: a string, a number or a truth is wanted, this is a list",
                    "13:21: unknown attribute `level`",
                ],
            ),
            (
                "id = 'x'\nemit = { event = 'message.sent' }\n[[journeys.a.step]]\nid = 'y'\nemit = { event = 'go', properties = { kye = 'c' } }",
                &[
                    "10:18: `message.sent` is an event of the engine's own (name an event of yours)",
                    "13:45: the event `go` has no property `kye`",
                ],
            ),
            ("id = 'x'\ncall = { properties = { when = '(' } }", &["10:1: `channel` is missing"]),
            (
                "id = 'x'\nsned = {}",
                &["8:1: the step's action is missing", "10:1: unknown key `sned` (did you mean `send`?)"],
            ),
            (
                "id = 'x'\nsend = { chanel = 'push', expires = 5 }",
                &[
                    "10:1: `channel` is missing",
                    "10:1: `template` is missing",
                    "10:10: unknown key `chanel` (did you mean `channel`?)",
                    "10:37: a duration is wanted",
                ],
            ),
            (
                "id = 'x'\nsend = { channel = 'push', template = 't', at = 'noon', between = '8:00-9:00', purpose = 'p', dedup = 7 }",
                &[
                    "10:49: unknown time `noon` (it is one of `best`)",
                    "10:67: this is no window of local times",
                    "10:90: unknown purpose `p`",
                    "10:103: a duration is wanted",
                ],
            ),
            (
                "id = 'x'\nsend = { channel = 'push', template = 't', fallback = '08:00' }",
                &["10:44: `fallback` goes with `at = \"best\"`"],
            ),
            ("id = 'x'\nbranch = []", &["10:10: the branch has no arms"]),
            (
                "id = 'x'\nbranch = [{ when = 'true' }, { to = 'x', wen = 1 }]",
                &[
                    "10:11: `to` is missing",
                    "10:30: `when` is missing",
                    "10:42: unknown key `wen` (did you mean `when`?)",
                ],
            ),
            ("id = 'x'\ngoto = 1", &["10:8: a string is wanted, this is an integer"]),
        ],
    );
}

#[test]
fn experiments() {
    let before = format!("{JOURNEY}enter = {{ event = 'go' }}\n[[journeys.a.step]]\nid = 'x'\n");
    let arms = "\n[experiments.hero]\narms = { a = 1, b = 1 }";
    check(
        &before,
        &[
            ("experiment = 'e'\nto = {}", &["10:14: unknown experiment `e` (define it as [experiments.e])"]),
            (
                &format!("experiment = 'hera'\nto = {{}}{arms}"),
                &["10:14: unknown experiment `hera` (did you mean `hero`?)"],
            ),
            (&format!("experiment = 'hero'{arms}"), &["8:1: `to` is missing"]),
            (
                &format!("experiment = 'hero'\nto = {{ c = 'x', a = 'y', b = 1 }}{arms}"),
                &["11:8: unknown arm `c`", "11:30: a string is wanted, this is an integer"],
            ),
            (&format!("experiment = 'hero'\nto = {{ a = 'y' }}{arms}"), &["11:12: unknown step `y`"]),
            ("wait = '1h'\nto = {}", &["11:1: unknown key `to`"]),
        ],
    );
    check(
        "version = 1\n[experiments.e]\n",
        &[
            ("", &["2:14: `arms` is missing"]),
            ("arms = { a = 1 }", &["3:1: it has 1 arms, and needs from 2 to 100"]),
            ("arms = { a = 0, b = 0 }", &["3:1: no arm has a weight above 0"]),
            (
                "arms = { a = -1, b = 'x' }\ntraffic = 101\nconsent = 'x'\nsalt = ''\naudience = 'foo'\nsald = 's'",
                &[
                    "3:14: a weight of -1 is out of range",
                    "3:22: a number is wanted",
                    "4:11: 101 is out of range",
                    "5:11: unknown purpose `x`",
                    "6:8: the name is empty",
                    "7:13: unknown attribute `foo`",
                    "8:1: unknown key `sald` (did you mean `salt`?)",
                ],
            ),
            ("arms = { a = 1, b = 1 }\naudience = 'foo'", &["4:13: unknown attribute `foo`"]),
        ],
    );
    // What could not be read is no reason to say that it is unknown.
    check(
        &before,
        &[("experiment = 'e'\nto = { a = 'end' }\n[experiments.e]\narms = 3", &["13:8: a table is wanted"])],
    );
}

#[test]
fn values_that_are_templates() {
    let before = format!("{JOURNEY}enter = {{ event = 'go' }}\n[[journeys.a.step]]\nid = 'x'\n");
    check(
        &before,
        &[
            (
                "set = { tier = '{{ event.kye', level = '{{ usr.level }}' }\n[attributes]\ntier = 'string'\nlevel = 'number'",
                &["10:16: unexpected end", "10:40: unknown name `usr` (did you mean `user`?)"],
            ),
            (
                "emit = { event = 'go', properties = { key = '{{ event.key | nofilter }}' } }\n[[journeys.a.step]]\nid = 'y'\ncall = { channel = 'c', properties = { a = '{% for x in %}' } }",
                &["10:45: filter nofilter is unknown", "13:44: unexpected end of block"],
            ),
        ],
    );
}

/// Expressions are checked where what is around them is wrong.
#[test]
fn loose_expressions() {
    check(
        JOURNEY,
        &[
            (
                "enter = { event = 'go', where = 'kye = 1', reentry = 'onc' }\naudience = 'foo'\nstep = [{ branch = [{ when = 'true and bar' }] }]",
                &[
                    "7:34: unknown property `kye`",
                    "7:54: unknown reentry",
                    "8:13: unknown attribute `foo`",
                    "9:9: `id` is missing",
                    "9:21: `to` is missing",
                    "9:40: unknown attribute `bar`",
                ],
            ),
            (
                "enter = { event = 'og', where = 'kye = 1' }\nstep = 3",
                &["7:19: unknown event `og` (did you mean `go`?)", "8:8: a list is wanted"],
            ),
        ],
    );
    check(
        "version = 1\n",
        &[(
            "[placements.p]\nvariant = [3, { when = 'foo', content = { when = '(' } }]",
            &["3:12: a table is wanted", "3:15: `name` is missing", "3:25: unknown attribute `foo`"],
        )],
    );
}
