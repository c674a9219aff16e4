import java.io.File;
import org.graalvm.visualvm.lib.jfluid.heap.Heap;
import org.graalvm.visualvm.lib.jfluid.heap.HeapFactory;
import org.graalvm.visualvm.lib.jfluid.heap.Instance;
import org.graalvm.visualvm.lib.jfluid.heap.JavaClass;

// Opens a heap dump with VisualVM's library and says how many objects there are of the classes that are named, how many
// classes in all, and how far the chain of `next` goes that the static field `chain` of the first one begins.
public class HprofReader {
    public static void main(String[] arguments) throws Exception {
        Heap heap = HeapFactory.createHeap(new File(arguments[0]));
        for (int i = 1; i < arguments.length; i++) {
            JavaClass found = heap.getJavaClassByName(arguments[i]);
            System.out.println(arguments[i] + " " + (found == null ? -1 : found.getInstancesCount()));
        }
        int length = 0;
        Object at = heap.getJavaClassByName(arguments[1]).getValueOfStaticField("chain");
        for (; at instanceof Instance; at = ((Instance) at).getValueOfField("next"))
            length++;
        System.out.println("chain " + length);
        System.out.println("classes " + heap.getAllClasses().size());
    }
}
