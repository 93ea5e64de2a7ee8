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
                    "7:1: the trigger is missing (say one of `event`, `segment_entered`, `segment_left`)",
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
            ("enter = { cron = '0 9 * * *' }\nstep = []", &["7:11: `cron` is not supported yet"]),
            (
                "enter = { event = 'go', reentry = 'onc' }\nstep = []",
                &["7:35: unknown reentry `onc` (did you mean `once`?)"],
            ),
            (
                "enter = { event = 'go', reentry = { parallel = 3 } }\nstep = []",
                &["7:37: `parallel` is not supported yet"],
            ),
            ("enter = { event = 'go', reentry = {} }\nstep = []", &["7:25: `after` is missing"]),
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
                "enter = { event = 'go' }\nstep = []\ngoal = {}\nholdout = 5\nlate = {}",
                &[
                    "9:1: `goal` is not supported yet",
                    "10:1: `holdout` is not supported yet",
                    "11:1: `late` is not supported yet",
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
                &["8:1: the step's action is missing (say one of `wait`, `branch`, `send`, `goto`)"],
            ),
            ("id = 'x'\nwait = '1h'\ngoto = 'y'", &["11:1: `wait` and `goto` exclude one another"]),
            ("id = 'x'\nwait_for = {}", &["10:1: `wait_for` is not supported yet"]),
            (
                "id = 'x'\nwait_until = {}\n[[journeys.a.step]]\nid = 'y'\nsplit = {}",
                &["10:1: `wait_until` is not supported yet", "13:1: `split` is not supported yet"],
            ),
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
                "id = 'x'\nsend = { channel = 'push', template = 't', unreachable = 'y' }",
                &["10:44: `unreachable` is not supported yet"],
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
