use crate::model::{Bytes, Malformed, Pieces, Record};
use crate::recommend::cholesky;
use std::sync::Arc;

/// Rows and columns of a tile: three of them stay in the nearest cache.
const TILE: usize = 32;
const AREA: usize = TILE * TILE;
/// Entries that are written as one.
const PIECE: usize = 8 * AREA;

/// The lower half of a symmetric matrix, in tiles: row after row of tiles, and each of them row after row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tiles {
    /// Rows of tiles.
    len: usize,
    values: Vec<f32>,
}

impl Tiles {
    /// `n × n` zeros, and what fills up the last tiles.
    pub(super) fn zero(n: usize) -> Tiles {
        let len = n.div_ceil(TILE);
        Tiles { len, values: vec![0.0; len * (len + 1) / 2 * AREA] }
    }

    /// How many rows there are for `n`, with those that fill up the last tiles.
    pub(super) fn rows_for(n: usize) -> usize {
        n.next_multiple_of(TILE)
    }

    pub(super) fn rows(&self) -> usize {
        self.len * TILE
    }

    /// Adds to an entry, and so to the one across the diagonal.
    pub(super) fn add(&mut self, a: usize, b: usize, amount: f32) {
        let place = place(a.max(b), a.min(b));
        self.values[place] += amount;
    }

    /// The entry of a row and a column that is not after it.
    pub(super) fn get(&self, row: usize, column: usize) -> f32 {
        self.values[place(row, column)]
    }

    fn tile(&self, row: usize, column: usize) -> &[f32; AREA] {
        let first = tile_place(row, column);
        self.values[first..first + AREA].first_chunk().expect("a tile is as long as its area")
    }

    fn put(&mut self, row: usize, column: usize, tile: &[f32; AREA]) {
        let first = tile_place(row, column);
        let values = &mut self.values[first..first + AREA];
        // What was no sum of ours may have no inverse. Nothing of it is what can be gone on with.
        let is_number = |value: f32| if value.is_finite() { value } else { 0.0 };
        values.iter_mut().zip(tile).for_each(|(value, made)| *value = is_number(*made));
    }

    pub(super) fn bytes(&self) -> usize {
        self.values.capacity() * size_of::<f32>()
    }
}

fn tile_place(row: usize, column: usize) -> usize {
    (row * (row + 1) / 2 + column) * AREA
}

fn place(row: usize, column: usize) -> usize {
    tile_place(row / TILE, column / TILE) + row % TILE * TILE + column % TILE
}

/// Inverts a symmetric, positive definite matrix in its place, tile by tile.
///
/// `A = LL'`, then `M = L^-1`, then `A^-1 = M'M`, each from left to right over tiles that are finished. Altogether
/// `n³ / 2` multiplications and as many additions. A step makes one tile: at most `n / 32` products of tiles.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Inverse {
    tiles: Tiles,
    /// What is added to the diagonal at least.
    floor: f32,
    stage: Stage,
    /// The next tile.
    row: usize,
    column: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Factor,
    InvertFactor,
    Multiply,
    Done,
}

impl Inverse {
    /// Of a matrix to whose diagonal at least `floor` was added, also beyond its last row.
    pub(super) fn new(tiles: Tiles, floor: f32) -> Inverse {
        let stage = if tiles.len == 0 { Stage::Done } else { Stage::Factor };
        Inverse { tiles, floor, stage, row: 0, column: 0 }
    }

    /// Makes the next tile. True while there is more to do.
    pub(super) fn step(&mut self) -> bool {
        let (row, column, len) = (self.row, self.column, self.tiles.len);
        match self.stage {
            Stage::Factor => {
                self.factor(row, column);
                self.down_the_columns(Stage::InvertFactor);
            }
            Stage::InvertFactor => {
                // The diagonal was inverted when it was made.
                if row > column {
                    self.invert_factor(row, column);
                }
                self.down_the_columns(Stage::Multiply);
            }
            Stage::Multiply => {
                self.multiply(row, column);
                (self.row, self.column) = if column < row { (row, column + 1) } else { (row + 1, 0) };
                if self.row == len {
                    self.stage = Stage::Done;
                }
            }
            Stage::Done => {}
        }
        self.stage != Stage::Done
    }

    fn down_the_columns(&mut self, then: Stage) {
        self.row += 1;
        if self.row == self.tiles.len {
            self.column += 1;
            self.row = self.column;
        }
        if self.column == self.tiles.len {
            (self.row, self.column, self.stage) = (0, 0, then);
        }
    }

    /// `L_ik = (A_ik - Σ_{j<k} L_ij L_kj') L_kk'^-1`. Of the diagonal, `L_kk^-1` is kept: nothing else is needed of it.
    fn factor(&mut self, i: usize, k: usize) {
        let mut sum = [0.0; AREA];
        for j in 0..k {
            multiply_add(&mut sum, self.tiles.tile(i, j), &transposed(self.tiles.tile(k, j)));
        }
        let mut left = *self.tiles.tile(i, k);
        left.iter_mut().zip(&sum).for_each(|(value, sum)| *value -= sum);
        let made = if i == k {
            inverse_factor(&left, self.floor)
        } else {
            let mut product = [0.0; AREA];
            multiply_add(&mut product, &left, &transposed(self.tiles.tile(k, k)));
            product
        };
        self.tiles.put(i, k, &made);
    }

    /// `M_ik = -M_ii Σ_{k≤j<i} L_ij M_jk`
    fn invert_factor(&mut self, i: usize, k: usize) {
        let mut sum = [0.0; AREA];
        for j in k..i {
            multiply_add(&mut sum, self.tiles.tile(i, j), self.tiles.tile(j, k));
        }
        let mut product = [0.0; AREA];
        multiply_add(&mut product, self.tiles.tile(i, i), &sum);
        product.iter_mut().for_each(|value| *value = -*value);
        self.tiles.put(i, k, &product);
    }

    /// `P_ij = Σ_{k≥i} M_ki' M_kj`
    fn multiply(&mut self, i: usize, j: usize) {
        let mut sum = [0.0; AREA];
        for k in i..self.tiles.len {
            multiply_add(&mut sum, &transposed(self.tiles.tile(k, i)), self.tiles.tile(k, j));
        }
        self.tiles.put(i, j, &sum);
    }

    pub(super) fn tiles(&self) -> &Tiles {
        &self.tiles
    }

    /// What was made, once there is no more to do.
    pub(super) fn into_tiles(self) -> Tiles {
        self.tiles
    }

    pub(super) fn bytes(&self) -> usize {
        self.tiles.bytes()
    }
}

fn transposed(tile: &[f32; AREA]) -> [f32; AREA] {
    let mut turned = [0.0; AREA];
    for row in 0..TILE {
        for column in 0..TILE {
            turned[column * TILE + row] = tile[row * TILE + column];
        }
    }
    turned
}

/// Rows and columns of sums that are held in registers.
const HELD_ROWS: usize = 4;
const HELD_COLUMNS: usize = 8;

/// `C += A B`. Sums run along the rows of `B`, so that the compiler makes vector instructions of them.
fn multiply_add(c: &mut [f32; AREA], a: &[f32; AREA], b: &[f32; AREA]) {
    for row in (0..TILE).step_by(HELD_ROWS) {
        for column in (0..TILE).step_by(HELD_COLUMNS) {
            let mut held = [[0.0_f32; HELD_COLUMNS]; HELD_ROWS];
            for k in 0..TILE {
                let others = &b[k * TILE + column..k * TILE + column + HELD_COLUMNS];
                for (place, sums) in held.iter_mut().enumerate() {
                    let value = a[(row + place) * TILE + k];
                    sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += value * other);
                }
            }
            for (place, sums) in held.iter().enumerate() {
                let from = (row + place) * TILE + column;
                c[from..from + HELD_COLUMNS].iter_mut().zip(sums).for_each(|(value, sum)| *value += sum);
            }
        }
    }
}

/// `L^-1` of a tile of the diagonal, `A = LL'`, of which the lower half counts.
fn inverse_factor(tile: &[f32; AREA], floor: f32) -> [f32; AREA] {
    // The upper half of the turned tile is the lower half of the tile, and `U' = L`.
    let mut upper = transposed(tile);
    cholesky::factor(&mut upper, TILE, floor);
    let mut inverse = [0.0; AREA];
    for column in 0..TILE {
        // Column of `L^-1`: `L x = e`, forward.
        inverse[column * TILE + column] = 1.0 / upper[column * TILE + column];
        for row in column + 1..TILE {
            let terms = (column..row).map(|k| upper[k * TILE + row] * inverse[k * TILE + column]);
            let sum: f32 = terms.sum();
            inverse[row * TILE + column] = -sum / upper[row * TILE + row];
        }
    }
    inverse
}

impl Tiles {
    /// What is to be written of it: of a copy, because every entry may change with the next step. Some tiles are a piece.
    pub(super) fn write_later(&self, pieces: &mut Pieces) {
        pieces.push_now(|out| self.len.write(out));
        let values: Arc<[f32]> = self.values.as_slice().into();
        for first in (0..values.len()).step_by(PIECE) {
            let values = Arc::clone(&values);
            pieces.push(move |out| {
                values[first..values.len().min(first + PIECE)].iter().for_each(|value| value.write(out));
            });
        }
    }

    pub(super) fn read(from: &mut Bytes<'_>) -> Result<Tiles, Malformed> {
        let len = from.len("tiles of a matrix")?;
        let count = len * (len + 1) / 2 * AREA;
        if count > from.left() / size_of::<f32>() {
            return Err(from.malformed("tiles of a matrix"));
        }
        let value = |_| from.valid("an entry of a matrix", |value: &f32| value.is_finite());
        Ok(Tiles { len, values: (0..count).map(value).collect::<Result<_, _>>()? })
    }
}

impl Inverse {
    /// What is to be written of it.
    pub(super) fn write_later(&self, pieces: &mut Pieces) {
        self.tiles.write_later(pieces);
        pieces.push_now(|out| {
            out.push(self.stage as u8);
            (self.floor, self.row, self.column).write(out);
        });
    }

    pub(super) fn read(from: &mut Bytes<'_>) -> Result<Inverse, Malformed> {
        let tiles = Tiles::read(from)?;
        let stage = match u8::read(from)? {
            0 => Stage::Factor,
            1 => Stage::InvertFactor,
            2 => Stage::Multiply,
            3 => Stage::Done,
            _ => return Err(from.malformed("a stage of inversion")),
        };
        let (floor, row, column): (f32, usize, usize) = from.read()?;
        let is_tile = stage == Stage::Done || column <= row && row < tiles.len;
        if is_tile && floor > 0.0 && floor.is_finite() {
            Ok(Inverse { tiles, floor, stage, row, column })
        } else {
            Err(from.malformed("a place in a matrix"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_undoes_the_matrix() {
        let mut random = fastrand::Rng::with_seed(11);
        for n in [1, 5, TILE, TILE + 1, 3 * TILE - 7] {
            let mut tiles = Tiles::zero(n);
            let mut whole = vec![vec![0.0_f64; n]; n];
            for _ in 0..2 * n {
                let x: Vec<f32> = (0..n).map(|_| random.f32() - 0.3).collect();
                for i in 0..n {
                    for j in 0..=i {
                        tiles.add(j, i, x[i] * x[j]);
                    }
                    (0..n).for_each(|j| whole[i][j] += f64::from(x[i]) * f64::from(x[j]));
                }
            }
            (0..tiles.rows()).for_each(|row| tiles.add(row, row, 1.0));
            (0..n).for_each(|row| whole[row][row] += 1.0);
            let mut inverse = Inverse::new(tiles, 0.5);
            let len = n.div_ceil(TILE);
            let steps = 1 + (0..).take_while(|_| inverse.step()).count();
            assert_eq!(steps, 3 * len * (len + 1) / 2);
            let inverse = inverse.into_tiles();
            for (i, row) in whole.iter().enumerate() {
                for j in 0..n {
                    let entry = |k: usize| f64::from(inverse.get(k.max(j), k.min(j)));
                    let product: f64 = row.iter().enumerate().map(|(k, of_row)| of_row * entry(k)).sum();
                    assert!(
                        (product - f64::from(u8::from(i == j))).abs() < 1e-3,
                        "{product} at {i}, {j} of {n}"
                    );
                }
            }
        }
    }

    /// A checkpoint may hold a matrix that no counting makes.
    #[test]
    fn what_has_no_inverse_is_numbers_all_the_same() {
        let mut tiles = Tiles::zero(2 * TILE);
        for row in 0..tiles.rows() {
            (0..=row)
                .for_each(|column| tiles.add(row, column, if column % 2 == 0 { f32::MAX } else { -1e30 }));
        }
        let mut inverse = Inverse::new(tiles, 1e-3);
        while inverse.step() {}
        assert!(inverse.tiles().values.iter().all(|value| value.is_finite()));
    }
}
