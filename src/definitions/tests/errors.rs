use super::*;

/// Each text with all of its errors.
pub(super) fn check(before: &str, rows: &[(&str, &[&str])]) {
    for (text, expected) in rows {
        let found = lines(&format!("{before}{text}"));
        let missing = expected.iter().zip(&found).find(|(fragment, line)| !line.starts_with(**fragment));
        assert!(missing.is_none() && found.len() == expected.len(), "{text}\n{found:#?}");
    }
}

#[test]
fn syntax_and_version() {
    check(
        "",
        &[
            ("", &["1:1: `version` is missing (begin the text with `version = 1`)"]),
            (
                "version = 2\nfoo = 1",
                &["1:11: definitions of version 2 are not known (this crate reads version 1)"],
            ),
            ("version = '1'", &["1:11: an integer is wanted, this is a string"]),
            (
                "version = 1\na = 1\na = 2\nb = [1,,]",
                &["3:1: the key `a` is there twice", "4:8: extra comma"],
            ),
            ("version = 1\n[segments]\nx = 'abc", &["3:9: invalid literal string, expected `'`"]),
            ("version = 1\nsegmets = 1", &["2:1: unknown key `segmets` (did you mean `segments`?)"]),
            ("version = 1\n[zebra]", &["2:2: unknown key `zebra` (it may have `version`, `settings`"]),
            ("version = 1\n[policies.x]", &["2:2: `policies` is not supported yet"]),
            ("version = 1\nsegments = []", &["2:12: a table is wanted, this is a list"]),
        ],
    );
}

#[test]
fn kinds_of_ids() {
    check(
        "version = 1\n[ids]\n",
        &[
            ("card = 'weak'", &["3:8: a table is wanted, this is a string"]),
            ("card = { limit = 2 }", &["3:1: `strength` is missing"]),
            ("card = { strength = 'week' }", &["3:21: unknown strength `week` (did you mean `weak`?)"]),
            (
                "card = { strength = 'weak', limit = 201 }",
                &["3:37: 201 is out of range: at least 1 and at most 200"],
            ),
            (
                "card = { strength = 'weak', limits = 2 }",
                &["3:29: unknown key `limits` (did you mean `limit`?)"],
            ),
            ("userId = { strength = 'strong' }", &["3:1: `userId` is a kind of the engine's own"]),
        ],
    );
}

#[test]
fn settings() {
    check(
        "version = 1\n[settings]\n",
        &[
            (
                "timezone = 'Europe/Pari'",
                &["3:12: unknown time zone `Europe/Pari` (did you mean `Europe/Paris`?)"],
            ),
            (
                "timezone = 'the moon'",
                &["3:12: unknown time zone `the moon` (write an IANA name, such as `Europe/Paris`)"],
            ),
            (
                "session_gap = 30",
                &["3:15: a duration is wanted, this is an integer (write it as a string, such as \"30m\")"],
            ),
            ("session_gap = '30'", &["3:15: `30` is not a duration; write it as `90s`, `1h30m` or `30d`"]),
            ("session_gap = '0s'", &["3:15: the duration must be more than 0"]),
            ("dedup_window = '0d'", &["3:16: the duration must be more than 0"]),
            ("dedup_window = '36501d'", &["3:16: the duration must be at most `36500d`"]),
            ("schema = 'Strict'", &["3:10: unknown schema `Strict` (did you mean `strict`?)"]),
            (
                "schema = 'none'",
                &["3:10: unknown schema `none` (it is one of `strict`, `closed`, `lenient`)"],
            ),
            ("device = 'kiosk'", &["3:10: unknown device `kiosk` (it is one of `owner`, `separate`)"]),
            ("undo_window = '1h'", &["3:15: the duration must be at least `1d`"]),
            ("parts_max = 0", &["3:13: 0 is out of range: at least 1 and at most 65536"]),
            ("parts_max = 1.5", &["3:13: an integer is wanted, this is a float"]),
            ("parts_max = 99999999999999999999", &["3:13: the number is too large"]),
            (
                "parts_max = true\ntimezon = 1979-05-27",
                &[
                    "3:13: an integer is wanted, this is a boolean",
                    "4:1: unknown key `timezon` (did you mean `timezone`?)",
                ],
            ),
            ("timezone = 1979-05-27", &["3:12: a string is wanted, this is a date without quotes"]),
        ],
    );
}

#[test]
fn schema() {
    check(
        "version = 1\n",
        &[
            ("attributes.a = 'strng'", &["2:16: unknown kind `strng` (did you mean `string`?)"]),
            ("attributes.a = 'Integer'", &["2:16: unknown kind `Integer` (did you mean `number`?)"]),
            (
                "attributes.a = 'colour'",
                &[
                    "2:16: unknown kind `colour` (it is one of `bool`, `number`, `string`, `instant`, `geo`, `list`)",
                ],
            ),
            ("attributes.a = 1", &["2:16: a string is wanted, this is an integer"]),
            (
                "attributes.a.b = 'string'",
                &[
                    "2:12: a kind is wanted, this is a table (a name with dots goes in quotes: `\"a.…\" = \"string\"`)",
                ],
            ),
            ("attributes.'a*b' = 'string'", &["2:12: `a*b` has a `*` out of place"]),
            ("attributes.'*' = 'string'", &["2:12: `*` has a `*` out of place"]),
            ("attributes.'' = 'string'", &["2:12: the name is empty"]),
            ("attributes.\"a\\u0007\" = 'string'", &["2:12: the name has a control character"]),
            ("attributes.timezone = 'number'", &["2:23: `timezone` is a string for the engine itself"]),
            ("events.a = 'string'", &["2:12: a table is wanted, this is a string"]),
            ("[events.'message.sent']", &["2:9: `message.sent` is an event that the engine records itself"]),
            ("[events.' ']", &["2:9: the name is empty"]),
            (
                "[events.a]\nb = []",
                &["3:5: a list of objects is declared with exactly one table of kinds (write the fields"],
            ),
            ("[events.a]\nb = [{ c = 'string' }, { d = 'string' }]", &["3:5: a list of objects is declared"]),
            ("[events.a]\nb = ['string']", &["3:6: a table is wanted, this is a string"]),
            ("[events.a]\nb = [{}]", &["3:6: the objects have no fields"]),
            ("[events.a]\nb = [{ c = 'nmber' }]", &["3:12: unknown kind `nmber` (did you mean `number`?)"]),
        ],
    );
    let long = "x".repeat(201);
    check(
        "version = 1\n",
        &[(&format!("[events.{long}]"), &["2:9: the name has 201 bytes, at most 200 are allowed"])],
    );
}

#[test]
fn affinity() {
    check(
        "version = 1\n[events.view]\nsku = 'string'\n[affinity.sku]\n",
        &[
            ("half_life = '0s'", &["5:13: the duration must be more than 0"]),
            ("half_lif = '1d'", &["5:1: unknown key `half_lif` (did you mean `half_life`?)"]),
            ("weights = { veiw = 1 }", &["5:13: unknown event `veiw` (did you mean `view`?)"]),
            ("weights = { zebra = 1 }", &["5:13: unknown event `zebra` (declare it as `[events.zebra]`)"]),
            (
                "weights = { 'ze bra' = 1 }",
                &["5:13: unknown event `ze bra` (declare it as `[events.\"ze bra\"]`)"],
            ),
            (
                "weights = { view = -1 }",
                &["5:20: a weight of -1 is out of range: at least 0 and at most 1000000000"],
            ),
            ("weights = { view = nan }", &["5:20: a weight of NaN is out of range"]),
            ("weights = { view = inf }", &["5:20: a weight of inf is out of range"]),
            ("weights = { view = '1' }", &["5:20: a number is wanted, this is a string"]),
            ("[affinity.sky]", &["5:11: unknown property `sky` (did you mean `sku`?)"]),
            ("[affinity.zebra]", &["5:11: unknown property `zebra` (no event has a property of that name)"]),
        ],
    );
}

#[test]
fn segments() {
    check(
        "version = 1\n[events.view]\nsku = 'string'\n[segments]\n",
        &[
            (
                "a = 3",
                &[
                    "5:5: an expression in quotes, or `{ by = \"…\", when = '…' }`, is wanted, this is an integer",
                ],
            ),
            ("a = { by = 'sku' }", &["5:1: `when` is missing"]),
            ("a = { by = '', when = 'did(view)' }", &["5:12: the name is empty"]),
            (
                "a = { by = 'sku', wen = 'did(view)' }",
                &["5:1: `when` is missing", "5:19: unknown key `wen` (did you mean `when`?)"],
            ),
            ("'' = 'true'", &["5:1: the name is empty"]),
            (
                "a = 'did(veiw) and foo'\nb = 'segment(\"c\")'",
                &["5:10: unknown event `veiw`", "5:20: unknown attribute `foo`", "6:14: unknown segment `c`"],
            ),
            ("a = 'segment(\"b\")'\nb = 'segment(\"a\")'", &["6:14: segments in a circle: a → b → a"]),
            // What follows from an error is not told: `a` is defined, if not well.
            ("a = 3\nb = 'segment(\"a\")'", &["5:5: an expression"]),
            (
                "a = { by = 'sku', when = 'true' }",
                &["5:27: a keyed segment reads no event, so it has no parts"],
            ),
        ],
    );
    // Nor is what is not declared because its declaration is wrong.
    check(
        "version = 1\n",
        &[(
            "[events.view]\nsku = 'strng'\n[segments]\na = 'did(view where sku = \"x\") and'",
            &["3:7: unknown kind", "5:35: expected"],
        )],
    );
}

#[test]
fn content() {
    check(
        "version = 1\n",
        &[
            ("[templates.a]", &["2:12: the template has no fields"]),
            ("[templates.a]\nb = 1", &["3:5: a string is wanted, this is an integer"]),
            ("templates.a = 'x'", &["2:15: a table is wanted, this is a string"]),
            ("[placements.a]", &["2:13: `variant` is missing"]),
            (
                "[placements.a]\nvariants = []",
                &["2:13: `variant` is missing", "3:1: unknown key `variants` (did you mean `variant`?)"],
            ),
            ("[placements.a]\nsalt = ''\nvariant = [{ name = 'x' }]", &["3:8: the name is empty"]),
            (
                "[[placements.a.variant]]\nweight = '1'\nif = 'true'",
                &[
                    "2:1: `name` is missing",
                    "3:10: a number is wanted, this is a string",
                    "4:1: unknown key `if`",
                ],
            ),
            (
                "[[placements.a.variant]]\nname = 'x'\npriority = 1.5\ncontent = 'x'",
                &["4:12: an integer is wanted, this is a float", "5:11: a table is wanted, this is a string"],
            ),
            (
                "[[placements.a.variant]]\nname = 'x'\ncontent = { a = ['x'] }",
                &["4:17: a string is wanted, this is a list"],
            ),
        ],
    );
}

#[test]
fn delivery() {
    check(
        "version = 1\n[delivery]\n",
        &[
            ("quiet = { push = { from = '22:00' } }", &["3:11: `to` is missing"]),
            (
                "quiet = { push = { from = '25:00', to = '08:00' } }",
                &["3:27: `25:00` is not a time of day; write it as `22:00` or `07:30:15`"],
            ),
            (
                "quiet = { push = { from = '08:00', to = '08:00' } }",
                &["3:11: the quiet hours end when they begin"],
            ),
            (
                "quiet = { push = { from = '22:00', to = '08:00', on = 'defr' } }",
                &["3:55: unknown rule `defr` (did you mean `defer`?)"],
            ),
            (
                "[[delivery.cap]]",
                &[
                    "3:1: `scope` is missing",
                    "3:1: `max` is missing",
                    "3:1: the cap has no time (say `per = \"day\"`",
                ],
            ),
            (
                "cap = [{ scope = 'globl', max = 0, per = 'month' }]",
                &[
                    "3:18: unknown scope `globl` (did you mean `global`?)",
                    "3:33: 0 is out of range: at least 1",
                    "3:42: unknown period `month` (it is one of `day`, `week`)",
                ],
            ),
            (
                "cap = [{ scope = 'tag:x', max = 1, per = 'day', window = '1d' }]",
                &["3:58: `per` and `window` exclude one another"],
            ),
            (
                "cap = [{ scope = 'tag:', max = 1, per = 'day', capped = 'x' }]",
                &[
                    "3:18: unknown scope `tag:` (it is `global`, `channel:NAME` or `tag:NAME`)",
                    "3:57: unknown rule `x` (it is one of `skip`, `defer`)",
                ],
            ),
            (
                "throttle = { push = { max = 0, burst = 1 } }",
                &["3:14: `per` is missing", "3:29: 0 is out of range"],
            ),
            (
                "dedup = 1\nsend_time = { explore = 2, half_life = '0s', segments = 'a', fallback = '9' }",
                &[
                    "3:9: a duration is wanted",
                    "4:25: a weight of 2 is out of range",
                    "4:40: the duration must be more than 0",
                    "4:57: a list is wanted",
                    "4:73: `9` is not a time of day",
                ],
            ),
            (
                "cap = [{ scope = 'channel:', max = 1, window = '0s' }]",
                &[
                    "3:18: unknown scope `channel:` (it is `global`, `channel:NAME` or `tag:NAME`)",
                    "3:48: the duration must be more than 0",
                ],
            ),
            (
                "cap = [{ scope = 'global', max = 1, per = 'day', counts = [] }]",
                &["3:59: the cap counts nothing"],
            ),
            (
                "cap = [{ scope = 'global', max = 1, per = 'day', counts = ['transactional', 'service', 'service'] }]",
                &["3:60: transactional messages pass every cap", "3:88: the class is named twice"],
            ),
            (
                "cap = [{ scope = 'global', max = 1, per = 'day', counts = ['marketin'] }]",
                &["3:60: unknown class `marketin` (did you mean `marketing`?)"],
            ),
        ],
    );
}

#[test]
fn recommend() {
    check(
        "version = 1\n[events.buy]\nat = 'instant'\nsku = 'string'\nlines = [{ sku = 'string', ok = 'bool' }]\n[recommend]\n",
        &[
            ("", &["6:2: `interactions` is missing"]),
            ("interactions.by = { item = 'sku' }", &["7:14: unknown event `by` (did you mean `buy`?)"]),
            ("interactions.buy = {}", &["7:14: `item` is missing"]),
            (
                "interactions.buy = { item = 'sko' }",
                &["7:29: the event `buy` has no property `sko` (did you mean `sku`?)"],
            ),
            (
                "interactions.buy = { item = 'at' }",
                &["7:29: the id of an item is a string or a number, or there is a list of them"],
            ),
            (
                "interactions.buy = { item = 'lines' }",
                &["7:29: `lines` is a list of objects (name the field that is the item's id: `lines.…`)"],
            ),
            (
                "interactions.buy = { item = 'lines.skw' }",
                &["7:29: unknown field `skw` (did you mean `sku`?)"],
            ),
            (
                "interactions.buy = { item = 'lines.ok' }",
                &["7:29: the id of an item is a string or a number, or there is a list of them"],
            ),
            (
                "interactions.buy = { item = 'sku', action = 'shown', weight = 1 }",
                &[
                    "7:63: that something was shown says nothing of it (leave the weight out; what the user does with it has an event of its own)",
                ],
            ),
            (
                "interactions.buy = { item = 'sku', action = 'shown' }",
                &[
                    "7:14: what was shown has to be remembered (say how long it counts: `remember = \"30d\"` in [recommend])",
                ],
            ),
            (
                "interactions.buy = { item = 'sku', outcome = 2 }\nskill = {}",
                &[
                    "7:46: an outcome of 2 is out of range: from 0 to 1 (write 1 for what is done, 0 for what is given up, and how far the user came between)",
                    "8:1: skill is learned of attempts, and nothing is one (say how far the user came with an item: `outcome` of an interaction)",
                ],
            ),
            (
                "interactions.buy = { item = 'sku', outcome = 'at' }",
                &["7:46: an outcome is a number from 0 to 1, or whether it is true that it was done"],
            ),
            (
                "interactions.buy = { item = 'lines.sku', outcome = 'lines.ok' }\nskill = { step = 0, session = '1s', difficulty = { attribute = 'leval', full = 0 }, target = 1 }",
                &[
                    "8:18: `step` cannot be 0; it is from 0.01 to 100",
                    "8:31: `session` cannot be 1s; it is from `1m` to `366d`",
                    "8:64: unknown attribute of items `leval` (declare it under [catalogue])",
                    "8:80: it has to be above `from` (an item is most difficult there)",
                    "8:85: unknown key `target`",
                ],
            ),
            (
                "remember = '30d'\ninteractions.buy = { item = 'sku' }\nrerank = {}\nexplore = {}",
                &[
                    "9:1: nothing can be learned of what is not said to be shown (name the event by which you tell that an item was shown: `action = \"shown\"`)",
                    "10:1: nothing can be explored that is not said to be shown (name the event by which you tell that an item was shown: `action = \"shown\"`)",
                ],
            ),
            (
                "remember = '30d'\ninteractions.buy = { item = 'sku', action = 'shown' }\nrerank = { features = [1, 'prize < 3', 'prize < 3'], featurs = 1 }",
                &[
                    "9:24: a string is wanted, this is an integer",
                    "9:40: `prize < 3` is there twice",
                    "9:54: unknown key `featurs` (did you mean `features`?)",
                ],
            ),
            (
                "remember = '30d'\ninteractions.buy = { item = 'sku', action = 'shown' }\nrerank = { features = ['item.prize < 3', 'price < '] }",
                &[
                    "9:25: unknown attribute `prize` of items (declare it under [catalogue])",
                    "9:51: expected a value, a name or a call, found the end",
                ],
            ),
            (
                "interactions.buy = { item = 'sku', grade = { property = 'sku', full = nan } }",
                &[
                    "7:57: what grades an interaction is a number",
                    "7:71: it has to be a finite number (from there on an interaction counts fully)",
                ],
            ),
            (
                "interactions.buy = { item = 'sku', grade = { property = 'sku', from = 3, full = 3 } }",
                &[
                    "7:57: what grades an interaction is a number",
                    "7:81: it has to be above `from` (from there on an interaction counts fully)",
                ],
            ),
            (
                "interactions.buy = { item = 'lines.sku', grade = { property = 'at' } }",
                &["7:42: `full` is missing", "7:63: what grades an interaction is a number"],
            ),
            (
                "interactions = {}\nlearn_weights = -1\nsteps = 0\nals = { factors = 0, weight = -1 }\nease = { items = 0 }",
                &[
                    "8:17: -1 is out of range: at least 0 and at most 1000000",
                    "9:9: 0 is out of range: at least 1 and at most 100000",
                    "10:19: `factors` is 0, but must be from 1 to 256",
                    "10:31: a weight of -1 is out of range: at least 0 and at most 1000",
                    "11:18: `items` is 0, but must be from 1 to 10000",
                ],
            ),
            (
                "interactions.buy = { item = 'sku', weight = 1e7, action = 'vewed' }",
                &[
                    "7:45: a weight of 10000000 is out of range: at least -1000000 and at most 1000000 (what speaks against an item has a weight below 0)",
                    "7:59: unknown action `vewed` (did you mean `viewed`?)",
                ],
            ),
            (
                "interactions = {}\npopularity = { half_life = '1s', kappa = 0, contxt = [] }",
                &[
                    "8:28: `half_life` is 1s, but must be from `1m` to `36500d`",
                    "8:42: `kappa` is 0, but must be above 0 and at most 1e9",
                    "8:45: unknown key `contxt` (did you mean `context`?)",
                ],
            ),
            (
                "interactions = {}\npopularity = { kappa = 0 }",
                &["8:24: `kappa` is 0, but must be above 0 and at most 1e9"],
            ),
            (
                "interactions = {}\npopularity = { context = ['a', 'a', ''] }",
                &["8:32: `a` is named twice", "8:37: the name is empty"],
            ),
            (
                "interactions = {}\npopularity = { context = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'] }",
                &["8:26: at most 8 parts of the context can be counted by"],
            ),
            (
                "interactions = {}\ncovisitation = { neighbours = -1, back = 2 }",
                &[
                    "8:31: -1 is out of range: at least 0 and at most 67108864",
                    "8:42: `back` is 2, but must be from 0 to 1",
                ],
            ),
            (
                "interactions = {}\ncovisitation = { back = 2 }",
                &["8:25: `back` is 2, but must be from 0 to 1"],
            ),
            (
                "interactions = {}\ncovisitation = { session_gap = '0s', half_life = 3 }",
                &["8:32: the duration must be more than 0", "8:50: a duration is wanted"],
            ),
        ],
    );
}

/// What the rooms refuse has its place too.
#[test]
fn rooms() {
    check(
        "version = 1\n[templates.a]\nb = 'c'\n",
        &[
            (
                "[templates.x]\ntitle = '{{ usr.name }}'\nbody = '{{ user.name | shout }}'",
                &["5:9: unknown name `usr` (did you mean `user`?)", "6:8: "],
            ),
            ("[[placements.p]]", &["4:1: a table is wanted, this is a list"]),
            ("[placements.p]\nvariant = []", &["4:13: the placement has no variants"]),
            (
                "[placements.p]\nvariant = [{ name = 'x', weight = -1 }, { name = 'x' }]",
                &["5:35: the weight is -1", "5:50: the variant `x` is defined twice"],
            ),
            (
                "[[placements.'p.q'.variant]]\nname = 'x'\nwhen = 'true and foo'",
                &["6:18: unknown attribute `foo`"],
            ),
        ],
    );
    check(
        "version = 1\n[templates.t]\nb = 'c'\n[events.go]\n[journeys.'a.b']\nenter = { event = 'go', where = 'foo = 1' }\n",
        &[
            ("step = []", &["5:11: a journey needs a step", "6:34: unknown property `foo`"]),
            (
                "audience = 'bar'\nexit = [{ event = 'go', where = 'baz' }]\nstep = [{ id = 'x', wait = '1h' }]",
                &[
                    "6:34: unknown property `foo`",
                    "7:13: unknown attribute `bar`",
                    "8:34: unknown property `baz`",
                ],
            ),
            (
                "step = [{ id = 'x', send = { channel = 'push', template = 'tt' } }, { id = 'x', goto = 'y' }]",
                &[
                    "6:34: unknown property `foo`",
                    "7:59: unknown template `tt`",
                    "7:76: two steps are called `x`",
                    "7:88: unknown step `y`",
                ],
            ),
            (
                "step = [{ id = 'x', branch = [{ when = 'bar', to = 'x' }] }]",
                &[
                    "6:34: unknown property `foo`",
                    "7:16: a loop through the step `x` without a wait",
                    "7:41: unknown attribute `bar`",
                ],
            ),
        ],
    );
}
