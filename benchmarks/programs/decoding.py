"""Dynamic programs over the outputs of a network."""

import numpy as np

from benchmarks.programs.registry import program


def _chain(n, states=5):
    rng = np.random.default_rng(0)
    start = np.log(rng.dirichlet(np.ones(states)))
    transition = np.log(rng.dirichlet(np.ones(states), states))
    return start, transition, np.log(rng.dirichlet(np.ones(8), states)), rng.integers(0, 8, n)


@program(_chain, 7, 200)
def viterbi_path(start, transition, emission, observed):
    T, S = len(observed), len(start)
    delta = np.zeros((T, S))
    psi = np.zeros((T, S), dtype=int)
    delta[0] = start + emission[:, observed[0]]
    for t in range(1, T):
        scores = delta[t - 1][:, None] + transition
        psi[t] = np.argmax(scores, axis=0)
        delta[t] = np.max(scores, axis=0) + emission[:, observed[t]]
    path = np.zeros(T, dtype=int)
    path[-1] = np.argmax(delta[-1])
    for t in range(T - 2, -1, -1):
        path[t] = psi[t + 1, path[t + 1]]
    return path, delta[-1].max()


@program(_chain, 5, 60)
def viterbi_by_element(start, transition, emission, observed):
    T, S = len(observed), len(start)
    V = np.full((T, S), -np.inf)
    back = np.zeros((T, S), dtype=np.int32)
    for s in range(S):
        V[0, s] = start[s] + emission[s, observed[0]]
    for t in range(1, T):
        for s in range(S):
            for r in range(S):
                p = V[t - 1, r] + transition[r, s]
                if p > V[t, s]:
                    V[t, s] = p
                    back[t, s] = r
            V[t, s] += emission[s, observed[t]]
    best = [int(np.argmax(V[-1]))]
    for t in range(T - 1, 0, -1):
        best.insert(0, int(back[t, best[0]]))
    return best


@program(_chain, 7, 200)
def forward_backward(start, transition, emission, observed):
    A, B, pi = np.exp(transition), np.exp(emission), np.exp(start)
    T, S = len(observed), len(pi)
    alpha, beta, scale = np.zeros((T, S)), np.zeros((T, S)), np.zeros(T)
    for t in range(T):
        alpha[t] = (pi if t == 0 else alpha[t - 1] @ A) * B[:, observed[t]]
        scale[t] = alpha[t].sum()
        alpha[t] /= scale[t]
    beta[-1] = 1
    for t in reversed(range(T - 1)):
        beta[t] = A @ (B[:, observed[t + 1]] * beta[t + 1]) / scale[t + 1]
    gamma = alpha * beta
    xi = np.zeros((S, S))
    for t in range(T - 1):
        xi += np.outer(alpha[t], B[:, observed[t + 1]] * beta[t + 1]) * A / scale[t + 1]
    return gamma / gamma.sum(axis=1, keepdims=True), xi, np.log(scale).sum()


def _speech(n):
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((n, 7))
    log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return log_probs, rng.integers(1, 7, n // 3)


@program(_speech, 9, 90)
def ctc_loss(log_probs, labels):
    """Connectionist temporal classification with blanks between labels."""
    T = len(log_probs)
    extended = np.zeros(2 * len(labels) + 1, dtype=int)
    extended[1::2] = labels
    S = len(extended)
    alpha = np.full((T, S), -np.inf)
    alpha[0, 0] = log_probs[0, 0]
    alpha[0, 1] = log_probs[0, extended[1]]
    for t in range(1, T):
        for s in range(S):
            total = alpha[t - 1, s]
            if s > 0:
                total = np.logaddexp(total, alpha[t - 1, s - 1])
            if s > 1 and extended[s] != 0 and extended[s] != extended[s - 2]:
                total = np.logaddexp(total, alpha[t - 1, s - 2])
            alpha[t, s] = total + log_probs[t, extended[s]]
    return -np.logaddexp(alpha[-1, -1], alpha[-1, -2]), alpha


@program(_speech, 9, 90)
def ctc_greedy(log_probs, labels):
    best = np.argmax(log_probs, axis=1)
    collapsed = []
    previous = -1
    for token in best:
        if token != previous and token != 0:
            collapsed.append(int(token))
        previous = token
    return collapsed


@program(_speech, 6, 30)
def beam_search(log_probs, labels):
    """Sequences in a list of tuples."""
    beams = [([], 0.0)]
    for t in range(len(log_probs)):
        candidates = []
        for sequence, score in beams:
            for token in np.argsort(log_probs[t])[::-1][:3]:
                candidates.append((sequence + [int(token)], score + log_probs[t, token]))
        beams = sorted(candidates, key=lambda pair: pair[1], reverse=True)[:3]
    return beams


@program(_speech, 6, 60)
def beam_search_in_arrays(log_probs, labels):
    width, V = 4, log_probs.shape[1]
    rng = np.random.default_rng(0)
    transition = rng.standard_normal((V, V))
    scores = np.full(width, -1e9)
    scores[0] = 0.0
    tokens = np.zeros((width, len(log_probs) + 1), dtype=np.int64)
    for t in range(len(log_probs)):
        total = scores[:, None] + log_probs[t][None, :] + transition[tokens[:, t]]
        flat = total.reshape(-1)
        top = np.argsort(-flat, kind="stable")[:width]
        parents, words = top // V, top % V
        tokens = tokens[parents]
        tokens[:, t + 1] = words
        scores = flat[top]
    return tokens[:, 1:], scores


@program(
    lambda n: (np.random.default_rng(0).random((n, 3)), np.random.default_rng(1).random((n, 3))),
    7,
    80,
)
def dynamic_time_warping(a, b):
    n, m = len(a), len(b)
    cost = np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))
    D = np.full((n + 1, m + 1), np.inf)
    D[0, 0] = 0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            D[i, j] = cost[i - 1, j - 1] + min(D[i - 1, j], D[i, j - 1], D[i - 1, j - 1])
    return D[n, m], D
