use super::errors::check;

#[test]
fn lists_of_objects() {
    check(
        "version = 1\n",
        &[
            ("[attributes]\nd = []", &["3:5: a list of objects is declared with exactly one table of kinds"]),
            (
                "[attributes]\nd = [{ os = 'sting' }]",
                &["3:13: unknown kind `sting` (did you mean `string`?)"],
            ),
            ("[attributes]\n'd.*' = [{ os = 'string' }]", &["3:9: `d.*` is no name for a list of objects"]),
            ("[attributes]\ntimezone = [{ os = 'string' }]", &["3:12: `timezone` is no name for a list"]),
            // What follows from a list that could not be read is not told.
            (
                "[attributes]\nd = [{ os = 'sting' }]\n[segments]\na = 'has(d where os = \"x\") and has(e where o)'",
                &["3:13: unknown kind"],
            ),
            (
                "[settings]\nschema = 'lenient'\n[segments]\na = 'has(d where os = \"x\")'",
                &[
                    "5:10: unknown attribute `d` (declare what its objects have: `d = [{ field = \"string\" }]`)",
                ],
            ),
        ],
    );
}

#[test]
fn lifecycle() {
    check(
        "version = 1\n[segments]\nnew = 'true'\nactive = 'true'\n",
        &[
            ("[lifecycle]", &["5:2: `order` is missing"]),
            ("[lifecycle]\norder = 'new'", &["6:9: a list is wanted, this is a string"]),
            ("[lifecycle]\norder = []", &["6:9: the order is empty"]),
            (
                "[lifecycle]\norder = ['new', 1, 'nwe']",
                &["6:17: a string is wanted", "6:21: unknown segment `nwe`"],
            ),
            (
                "[lifecycle]\norder = ['new', 'actve']",
                &["6:18: unknown segment `actve` (did you mean `active`?)"],
            ),
            ("[lifecycle]\norder = ['new', 'new']", &["6:18: `new` is in the order twice"]),
            ("[lifecycle]\nordr = ['new']", &["5:2: `order` is missing", "6:1: unknown key `ordr`"]),
        ],
    );
    check(
        "version = 1\n[segments]\nnew = 'true'\nold = 'lifecycle = \"nw\"'\n",
        &[
            ("", &["4:8: no lifecycle is defined"]),
            (
                "[lifecycle]\norder = ['new']",
                &["4:20: the lifecycle has no stage `nw` (did you mean `new`?)"],
            ),
            ("[lifecycle]\norder = ['nwe']", &["6:11: unknown segment `nwe`"]),
            ("[lifecycle]\norder = 'new'", &["6:9: a list is wanted"]),
            (
                "[lifecycle]\norder = ['new', 'old']",
                &["4:8: segments in a circle: old → old", "4:20: the lifecycle has no stage"],
            ),
        ],
    );
}

#[test]
fn scores() {
    check(
        "version = 1\n[events.view]\nsku = 'string'\n[events.refund]\n[scores.s]\n",
        &[
            ("", &["5:9: `points` is missing"]),
            ("points = []", &["6:1: the score gives no points"]),
            ("points = 3", &["6:10: a list is wanted, this is an integer"]),
            ("points = [3]", &["6:11: a table is wanted, this is an integer"]),
            ("points = [{ event = 'view' }]", &["6:11: `points` is missing"]),
            (
                "points = [{ event = 'veiw', points = 1 }]",
                &["6:22: unknown event `veiw` (did you mean `view`?)"],
            ),
            (
                "points = [{ event = 'view', where = 'skus = \"x\"', points = 1 }]",
                &["6:38: unknown property `skus` of `view` (did you mean `sku`?)"],
            ),
            ("points = [{ when = 'did(veiw)', points = 1 }]", &["6:25: unknown event `veiw`"]),
            ("points = [{ when = 'count(view)', points = 1 }]", &["6:21: a condition is wanted"]),
            (
                "points = [{ points = 1 }]",
                &["6:11: points are given either for an event or while something holds"],
            ),
            (
                "points = [{ event = 'view', when = 'true', points = 1 }]",
                &["6:11: points are given either for an event or while something holds"],
            ),
            (
                "points = [{ when = 'true', where = 'true', points = 1 }]",
                &["6:36: `where` is a condition on events (ask all of it in `when`)"],
            ),
            ("points = [{ event = 'view', points = 'x' }]", &["6:38: a number is wanted"]),
            ("points = [{ event = 'view', points = inf }]", &["6:38: inf points are out of range"]),
            ("points = [{ event = 'view', points = nan }]", &["6:38: NaN points are out of range"]),
            (
                "points = [{ event = 'view', point = 1 }]",
                &["6:11: `points` is missing", "6:29: unknown key `point`"],
            ),
            (
                "in = '0s'\npoints = [{ event = 'view', points = 1 }]",
                &["6:6: the duration must be more than 0"],
            ),
            (
                "in = '1d'\nhalf_life = '1d'\npoints = [{ event = 'view', points = 1 }]",
                &["6:7: points either fade by a half-life or end with a window"],
            ),
            (
                "half_life = '1d'\npoints = [{ event = 'view', points = 1 }, { event = 'refund', points = -1 }]",
                &["7:72: with a half-life, events that give points and events that take them fade"],
            ),
            (
                "points = [{ event = 'view', points = 1 }]\n[segments]\na = 'score(\"zebra\") > 1 and score(\"ss\") > 1'",
                &[
                    "8:12: unknown score `zebra` (define it as [scores.zebra])",
                    "8:35: unknown score `ss` (did you mean `s`?)",
                ],
            ),
            // What follows from a score that could not be read is not told.
            (
                "points = [{ event = 'view', points = 'x' }]\n[segments]\na = 'score(\"s\") > 1'",
                &["6:38: a number is wanted"],
            ),
            (
                "points = [{ when = 'score(\"s\") > 1', points = 1 }]",
                &["6:21: a score does not ask for scores"],
            ),
            (
                "points = [{ when = 'segment(\"a\")', points = 1 }]\n[segments]\na = 'score(\"s\") > 1'",
                &["8:6: segments in a circle: a → a"],
            ),
        ],
    );
}
