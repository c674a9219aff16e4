// Collects as often as each line of its input says.
import java.util.Scanner;

public class Collects {
    static byte[][] kept = new byte[100][];

    public static void main(String[] arguments) {
        for (int i = 0; i < kept.length; i++)
            kept[i] = new byte[100_000];
        System.out.println("ready");
        for (Scanner lines = new Scanner(System.in); lines.hasNextLine();) {
            for (int i = Integer.parseInt(lines.nextLine()); i > 0; i--)
                System.gc();
            System.out.println("done");
        }
    }
}
