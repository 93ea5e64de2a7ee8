//! # sequences: rules of sequences, row by row

use super::*;

#[test]
fn sequences_follow_their_rules() {
    let (a, b, not_b) = (step("a", false, None), step("b", false, None), step("b", true, None));
    let not_x = step("x", true, None);
    let within = |name: &str, negative| step(name, negative, Some(10));
    type Row<'r> = (Vec<Step>, Window, &'r [(i64, &'r str)], i64, bool);
    let rows: &[Row] = &[
        (vec![a.clone(), b.clone()], Window::All, &[(0, "a"), (0, "b")], 0, true),
        (vec![a.clone(), b.clone()], Window::All, &[(0, "b"), (0, "a")], 0, false),
        (vec![a.clone(), a.clone()], Window::All, &[(0, "a")], 9, false),
        (vec![a.clone(), within("b", false)], Window::All, &[(0, "a"), (10, "b")], 10, true),
        (vec![a.clone(), within("b", false)], Window::All, &[(0, "a"), (11, "b")], 11, false),
        // In between: strictly, and with `within` only that soon after the earlier one.
        (vec![a.clone(), not_x.clone(), b.clone()], Window::All, &[(0, "a"), (1, "x"), (2, "b")], 2, false),
        (vec![a.clone(), not_b.clone(), b.clone()], Window::All, &[(0, "a"), (1, "b"), (2, "b")], 2, true),
        (
            vec![a.clone(), within("x", true), b.clone()],
            Window::All,
            &[(0, "a"), (10, "x"), (12, "b")],
            12,
            false,
        ),
        (
            vec![a.clone(), within("x", true), b.clone()],
            Window::All,
            &[(0, "a"), (11, "x"), (12, "b")],
            12,
            true,
        ),
        (
            vec![a.clone(), not_x.clone(), within("c", true), b.clone()],
            Window::All,
            &[(0, "a"), (3, "c"), (12, "b")],
            12,
            false,
        ),
        // At the end without `within`: none after, by order.
        (vec![a.clone(), not_b.clone()], Window::All, &[(0, "b"), (0, "a")], 0, true),
        (vec![a.clone(), not_b.clone()], Window::All, &[(0, "a"), (0, "b")], 0, false),
        (vec![a.clone(), not_b.clone()], Window::All, &[(0, "a"), (1, "b"), (2, "a")], 2, true),
        // It looks past the window.
        (vec![a.clone(), not_b.clone()], Window::Before(T0 + 5), &[(0, "a"), (9, "b")], 9, false),
        // At the end within D: true only once D is over, and whatever comes later.
        (vec![a.clone(), within("b", true)], Window::All, &[(0, "a")], 9, false),
        (vec![a.clone(), within("b", true)], Window::All, &[(0, "a")], 10, true),
        (vec![a.clone(), within("b", true)], Window::All, &[(0, "a"), (10, "b")], 10, false),
        (vec![a.clone(), within("b", true)], Window::All, &[(0, "a"), (11, "b")], 11, true),
        (vec![a.clone(), within("b", true)], Window::All, &[(0, "a"), (0, "b")], 10, true),
        // The window holds all positive steps.
        (vec![a.clone(), b.clone()], Window::In(10), &[(0, "a"), (5, "b")], 9, true),
        (vec![a.clone(), b.clone()], Window::In(10), &[(0, "a"), (5, "b")], 10, false),
    ];
    for (number, (steps, window, history, at, expected)) in rows.iter().enumerate() {
        let expr = Expr::Sequence(steps.clone(), window.clone());
        assert_eq!(holds(&did(history), &expr, T0 + at), *expected, "row {number}");
    }
}
