//! The scan of codes, generic over the registers of an instruction set.

use super::candidates::{Candidate, Chosen};
use super::codes::{
    ALONG, CODE_ERRORS, CodeBlock, Codes, GROUP, NARROW_SCALES, NORMS, STEP, STEP_BYTES, TAIL_NORMS,
};
use super::query::Reach;
use super::tails::prefetch_row;
use foundation::prefetch::LINE;

/// Scans the chosen groups with the `Q` queries of the panel, `R` groups at a time.
///
/// # Safety
///
/// The CPU has the instruction set of `V`; `Q` is the number of queries, with a reach, a threshold and a list of
/// candidates each; the panel holds all steps of a group; every chosen group lies inside `groups`.
#[inline(always)]
pub(super) unsafe fn scan_block<V: Codes, const R: usize, const Q: usize>(
    block: &mut CodeBlock<'_>,
) {
    // SAFETY: the caller's contract.
    unsafe {
        if block.layout.narrow == 0 {
            scan_tiles::<V, R, Q, false>(block);
        } else {
            scan_tiles::<V, R, Q, true>(block);
        }
    }
}

#[inline(always)]
unsafe fn scan_tiles<V: Codes, const R: usize, const Q: usize, const NARROW: bool>(
    block: &mut CodeBlock<'_>,
) {
    let chosen = block.chosen;
    // What comes from memory is quickest as one stream: several are read no faster, and the core asks for less ahead.
    let (tiles, rest) = if block.streams {
        (&[][..], chosen)
    } else {
        chosen.as_chunks::<R>()
    };
    let mut place = 0;
    for tile in tiles {
        // SAFETY: the caller's contract.
        unsafe { scan_tile::<V, R, Q, NARROW>(block, *tile, place) };
        place += R;
    }
    for group in rest {
        // SAFETY: the caller's contract.
        unsafe { scan_tile::<V, 1, Q, NARROW>(block, [*group], place) };
        place += 1;
    }
}

/// `place` is that of the first group among all that are chosen; `NARROW` tells whether there are 4-bit codes.
#[inline(always)]
unsafe fn scan_tile<V: Codes, const R: usize, const Q: usize, const NARROW: bool>(
    block: &mut CodeBlock<'_>,
    chosen: [Chosen; R],
    place: usize,
) {
    const { assert!(R * Q <= 32, "a bit for each") };
    let groups = Groups {
        now: chosen.map(|chosen| block.start(chosen)),
        ahead: std::array::from_fn(|r| block.ahead(place + r)),
    };
    // SAFETY: the chosen groups lie inside `groups`, each is `stride` bytes long, and the panel has a
    // word for each of the Q queries in each step.
    unsafe {
        let panel = block.panel.as_ptr();
        let narrow_panel = panel.add(block.layout.wide / STEP * Q);
        let mut finished = add_wide::<V, R, Q>(block, &groups, panel);
        let narrow_sums = if NARROW {
            add_narrow::<V, R, Q>(block, &groups, narrow_panel)
        } else {
            [[[0; GROUP]; Q]; R]
        };
        for at in (block.layout.code_bytes()..block.layout.stride()).step_by(STEP_BYTES) {
            ask_ahead::<V, R>(block, &groups, at);
        }
        // Bounds come to stand where the sums were. Which are reached is looked at afterwards: a branch for each
        // group and query is guessed wrong too often.
        let (reaches, thresholds) = (block.reaches.as_ptr(), block.thresholds.as_ptr());
        let mut reached = [[0u16; Q]; R];
        let mut hits = 0u32;
        for r in 0..R {
            let side = Side::<V>::load(groups.now[r].add(block.layout.code_bytes()));
            for q in 0..Q {
                let reach = &*reaches.add(q);
                let mut upper = side.without_codes(reach);
                if NARROW {
                    let sums = V::load_sums(narrow_sums[r][q].as_ptr());
                    upper = sums.scaled(side.narrow_scale, reach.narrow_factor, upper);
                }
                let sums = V::load_sums(finished[r][q].as_ptr());
                let upper = sums.scaled(side.scale, reach.factor, upper);
                reached[r][q] = V::reaches(upper, *thresholds.add(q)) & chosen[r].rows;
                hits |= u32::from(reached[r][q] != 0) << (r * Q + q);
                V::store(upper, finished[r][q].as_mut_ptr().cast());
            }
        }
        while hits != 0 {
            let place = hits.trailing_zeros() as usize;
            let (r, q) = (place / Q, place % Q);
            note::<V>(block, q, chosen[r].group, reached[r][q], &finished[r][q]);
            hits &= hits - 1;
        }
    }
}

/// Where the groups of a tile stand, and what memory is asked for meanwhile.
struct Groups<const R: usize> {
    now: [*const u8; R],
    ahead: [*const u8; R],
}

/// What stands behind the codes of a group.
pub(super) struct Side<V: Codes> {
    pub(super) scale: V::Floats,
    narrow_scale: V::Floats,
    along: V::Floats,
    norm: V::Floats,
    code_error: V::Floats,
    tail_norm: V::Floats,
}

impl<V: Codes> Side<V> {
    /// # Safety
    ///
    /// The CPU has the instruction set of `V`; so many bytes are readable.
    #[inline(always)]
    pub(super) unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller's contract.
        unsafe {
            Side {
                scale: V::halves(from),
                narrow_scale: V::halves(from.add(NARROW_SCALES)),
                along: V::halves(from.add(ALONG)),
                norm: V::halves(from.add(NORMS)),
                code_error: V::halves(from.add(CODE_ERRORS)),
                tail_norm: V::halves(from.add(TAIL_NORMS)),
            }
        }
    }

    /// The upper bounds but for the codes.
    ///
    /// # Safety
    ///
    /// The CPU has the instruction set of `V`.
    #[inline(always)]
    pub(super) unsafe fn without_codes(&self, reach: &Reach) -> V::Floats {
        // SAFETY: the caller's contract.
        unsafe {
            let upper = V::weighted(self.tail_norm, reach.tail, V::equal(reach.base));
            let upper = V::weighted(self.code_error, reach.code, upper);
            let upper = V::weighted(self.norm, reach.norm, upper);
            V::weighted(self.along, reach.along, upper)
        }
    }
}

/// Notes the rows of a group that a query reached; the bounds are the bits of floats.
///
/// # Safety
///
/// The CPU has the instruction set of `V`.
#[inline(always)]
pub(super) unsafe fn note<V: Codes>(
    block: &mut CodeBlock<'_>,
    query: usize,
    group: u32,
    reached: u16,
    uppers: &[i32; GROUP],
) {
    // SAFETY: the caller's contract.
    unsafe { push::<V>(&mut block.candidates[query], group, reached, uppers) };
    // A streamed block is so long that much of what was asked for would be gone at its end, and is asked for again then; and where
    // codes are asked for, these take all that a core can wait for.
    if !block.streams || block.ahead_bytes.is_empty() {
        ask(block.tails, block.tail_stride, group, reached);
    }
}

/// Sums up the products of 8-bit codes.
///
/// # Safety
///
/// As for [`scan_block`]; the groups are readable, and the panel has their steps.
#[inline(always)]
unsafe fn add_wide<V: Codes, const R: usize, const Q: usize>(
    block: &CodeBlock<'_>,
    groups: &Groups<R>,
    mut panel: *const u32,
) -> [[[i32; GROUP]; Q]; R] {
    // SAFETY: the caller's contract.
    unsafe {
        let mut sums = start_sums::<V, R, Q>(block.starts, 0);
        for at in (0..block.layout.wide_bytes()).step_by(STEP_BYTES) {
            ask_ahead::<V, R>(block, groups, at);
            let rows = groups.now.map(|group| V::load(group.add(at)));
            add_step(&mut sums, &rows, panel);
            panel = panel.add(Q);
        }
        store_sums(&sums)
    }
}

/// Sums up the products of 4-bit codes.
///
/// # Safety
///
/// As for [`add_wide`].
#[inline(always)]
unsafe fn add_narrow<V: Codes, const R: usize, const Q: usize>(
    block: &CodeBlock<'_>,
    groups: &Groups<R>,
    mut panel: *const u32,
) -> [[[i32; GROUP]; Q]; R] {
    // SAFETY: the caller's contract.
    unsafe {
        let mut sums = start_sums::<V, R, Q>(block.starts, 1);
        // Each addition waits for the one before to the same sum. Few sums leave the CPU without work meanwhile: then there
        // are two of each.
        let few = R * Q <= V::FEW_SUMS;
        let mut others = [[V::start(0); Q]; R];
        for at in (block.layout.wide_bytes()..block.layout.code_bytes()).step_by(STEP_BYTES) {
            ask_ahead::<V, R>(block, groups, at);
            let [lower, upper] = V::load_narrow(groups.now[0].add(at));
            let (mut lower, mut upper) = ([lower; R], [upper; R]);
            for r in 1..R {
                [lower[r], upper[r]] = V::load_narrow(groups.now[r].add(at));
            }
            add_step(&mut sums, &lower, panel);
            let sums = if few { &mut others } else { &mut sums };
            add_step(sums, &upper, panel.add(Q));
            panel = panel.add(2 * Q);
        }
        if few {
            for r in 0..R {
                for q in 0..Q {
                    sums[r][q] = sums[r][q].plus(others[r][q]);
                }
            }
        }
        store_sums(&sums)
    }
}

/// Sums that start as the queries say.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "counted loops of constant length are unrolled"
)]
unsafe fn start_sums<V: Codes, const R: usize, const Q: usize>(
    starts: &[[i32; 2]],
    section: usize,
) -> [[V; Q]; R] {
    // SAFETY: the caller's CPU has the instructions.
    unsafe {
        let mut sums = [[V::start(0); Q]; R];
        for q in 0..Q {
            let start = V::start(starts[q][section]);
            for r in 0..R {
                sums[r][q] = start;
            }
        }
        sums
    }
}

/// Adds the products of a step of R groups with Q queries, whose words are at the panel.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "counted loops of constant length are unrolled"
)]
unsafe fn add_step<V: Codes, const R: usize, const Q: usize>(
    sums: &mut [[V; Q]; R],
    rows: &[V::Rows; R],
    panel: *const u32,
) {
    for q in 0..Q {
        // SAFETY: the caller's contract: a word for each query.
        unsafe {
            let query = V::query(panel.add(q));
            for r in 0..R {
                sums[r][q] = sums[r][q].add(rows[r], query);
            }
        }
    }
}

/// The sums in memory: what follows takes them by changing numbers. Where this is not said, compilers write them there
/// in each step.
#[inline(always)]
unsafe fn store_sums<V: Codes, const R: usize, const Q: usize>(
    sums: &[[V; Q]; R],
) -> [[[i32; GROUP]; Q]; R] {
    let mut finished = [[[0; GROUP]; Q]; R];
    for r in 0..R {
        for q in 0..Q {
            // SAFETY: the caller's CPU has the instructions; there is room for sixteen sums.
            unsafe { sums[r][q].store_sums(finished[r][q].as_mut_ptr()) };
        }
    }
    finished
}

/// Asks memory for what stands a distance ahead of a group; and where several groups are looked at together, the
/// cache for the next ones. Of a stream two neighbouring cache lines are asked for together, as memory is laid out, and nearest: they
/// are read so soon that they are still there.
#[inline(always)]
unsafe fn ask_ahead<V: Codes, const R: usize>(
    block: &CodeBlock<'_>,
    groups: &Groups<R>,
    at: usize,
) {
    if R > 1 {
        let next = R * block.layout.stride() + at;
        for group in &groups.now {
            // SAFETY: the caller's CPU has the instructions; any address is allowed.
            unsafe { V::prefetch_near(group.wrapping_add(next)) };
        }
    }
    if block.ahead_bytes.contains(&at) {
        for group in &groups.ahead {
            let line = group.wrapping_add(at);
            // SAFETY: the caller's CPU has the instructions; any address is allowed.
            unsafe {
                if !block.streams {
                    V::prefetch(line);
                } else if line.addr() % (2 * LINE) < LINE {
                    V::prefetch_near(line);
                    V::prefetch_near(line.wrapping_add(LINE));
                }
            }
        }
    }
}

/// Asks memory for the second parts of the rows of a group that were reached.
#[inline(always)]
fn ask(tails: &[u8], stride: usize, group: u32, mut reached: u16) {
    while reached != 0 {
        let lane = reached.trailing_zeros() as usize;
        prefetch_row(tails, stride, group as usize * GROUP + lane);
        reached &= reached - 1;
    }
}

/// Adds the rows of a group that were reached; the bounds are the bits of floats.
///
/// # Safety
///
/// The CPU has the instruction set of `V`.
#[inline(always)]
unsafe fn push<V: Codes>(
    candidates: &mut Vec<Candidate>,
    group: u32,
    reached: u16,
    uppers: &[i32; GROUP],
) {
    candidates.reserve(GROUP);
    let (before, more) = (candidates.len(), reached.count_ones() as usize);
    // SAFETY: there is room for sixteen, and as many are written as there are bits.
    unsafe {
        let to = candidates.as_mut_ptr().add(before);
        V::note(uppers.as_ptr().cast(), group * GROUP as u32, reached, to);
        candidates.set_len(before + more);
    }
}
