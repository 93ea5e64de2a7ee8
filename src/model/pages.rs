/// A growing list in pages of equal size: what is in it never moves, and growing never doubles its memory.
///
/// For the tables that hold a row for every user: of a million rows a plain list may waste as many again.
#[derive(Debug, Clone)]
pub(crate) struct Pages<T> {
    pages: Vec<Vec<T>>,
}

const PAGE_BITS: usize = 8;
const PAGE: usize = 1 << PAGE_BITS;

impl<T> Default for Pages<T> {
    fn default() -> Pages<T> {
        Pages { pages: Vec::new() }
    }
}

impl<T> Pages<T> {
    pub(crate) fn len(&self) -> usize {
        // All pages but the last one are full.
        self.pages.last().map_or(0, |last| (self.pages.len() - 1) * PAGE + last.len())
    }

    pub(crate) fn push(&mut self, value: T) {
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE => page.push(value),
            _ => {
                // The first pages of a small engine grow as a list does.
                let mut page = if self.pages.is_empty() { Vec::new() } else { Vec::with_capacity(PAGE) };
                page.push(value);
                self.pages.push(page);
            }
        }
    }

    pub(crate) fn get_mut(&mut self, i: usize) -> Option<&mut T> {
        self.pages.get_mut(i >> PAGE_BITS)?.get_mut(i & (PAGE - 1))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.pages.iter_mut().flatten()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten()
    }
}

impl<T> std::ops::Index<usize> for Pages<T> {
    type Output = T;
    fn index(&self, i: usize) -> &T {
        &self.pages[i >> PAGE_BITS][i & (PAGE - 1)]
    }
}

impl<T> std::ops::IndexMut<usize> for Pages<T> {
    fn index_mut(&mut self, i: usize) -> &mut T {
        &mut self.pages[i >> PAGE_BITS][i & (PAGE - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stay_where_they_are_put() {
        let mut pages = Pages::default();
        for i in 0..1_000 {
            assert_eq!(pages.len(), i);
            pages.push(i);
        }
        pages[700] = 7;
        assert_eq!((pages[255], pages[256], pages[700]), (255, 256, 7));
        assert_eq!(pages.get_mut(1_000), None);
        assert_eq!(pages.iter().count(), 1_000);
    }
}
