//! What became of the tokens.

/// How many tokens were what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All tokens.
    pub tokens: u64,
    /// Tokens that are not protected, no numbers (protection on) and no stop words.
    pub content: u64,
    /// Tokens in switched units.
    pub switched: u64,
    /// Those of them that are of content.
    pub content_switched: u64,
    /// Tokens that were switched by the entry of their base form.
    pub lemmas: u64,
    /// Tokens chosen but out of lexicon.
    pub missed: u64,
    /// Tokens switched by each lexicon.
    pub switched_by_lexicon: Vec<u64>,
    /// Tokens missed by each lexicon, the one of the language drawn first.
    pub missed_by_lexicon: Vec<u64>,
}

impl Counts {
    /// No token yet, by no lexicon of so many.
    pub fn new(lexicons: usize) -> Self {
        Counts {
            switched_by_lexicon: vec![0; lexicons],
            missed_by_lexicon: vec![0; lexicons],
            ..Counts::default()
        }
    }

    /// Adds the counts of other texts.
    pub fn add(&mut self, other: &Counts) {
        self.tokens += other.tokens;
        self.content += other.content;
        self.switched += other.switched;
        self.content_switched += other.content_switched;
        self.lemmas += other.lemmas;
        self.missed += other.missed;
        add_all(&mut self.switched_by_lexicon, &other.switched_by_lexicon);
        add_all(&mut self.missed_by_lexicon, &other.missed_by_lexicon);
    }
}

fn add_all(sums: &mut Vec<u64>, more: &[u64]) {
    sums.resize(sums.len().max(more.len()), 0);
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
    }
}
