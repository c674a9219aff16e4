// The same where the program is an ES module, which has no `require`.
import './heap.cjs';
