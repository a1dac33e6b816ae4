import { assertEquals } from "@std/assert";
import { comumAte, ehComeco, escolherOrigem, foiAlem } from "../../lib/historia.ts";

const PRE = { id: "", apos: 0 };
const E1 = { id: "e1", apos: 0 };
const E2 = { id: "e2", apos: 2 };
const X = { id: "f0", apos: 0 };
const origem = (timestamp: number, ...epocas: { id: string; apos: number }[]) => ({
  timestamp,
  historia: [PRE, ...epocas],
});

Deno.test("comumAte() e ehComeco(): iguais até onde as duas têm a última época em comum", () => {
  const casos: [ReturnType<typeof origem>, ReturnType<typeof origem>, number, boolean, boolean][] =
    [
      [origem(0), origem(9, E1), 0, true, false],
      [origem(5, E1), origem(9, E1), 5, true, false],
      [origem(2, E1), origem(2_000_000, E1, E2), 2, true, false],
      // O value que só o líder antigo tinha: a época dele acabou, no grupo, antes disso.
      [origem(3, E1), origem(2_000_000, E1, E2), 2, false, false],
      // Quem ainda recebe o que é de uma época acabada só tem até onde vai.
      [origem(1, E1, E2), origem(2, E1), 1, true, false],
      // Uma época que abriu depois, com menos: a de antes dela acabou aí, e não onde dizia a segunda.
      [origem(2, E1), origem(2_000_000, E1, E2, { id: "e3", apos: 1 }), 1, false, false],
      // De outro grupo, um timestamp maior não prova nada.
      [origem(9_000_000, X), origem(5, E1), 0, false, false],
    ];
  for (const [n, [uma, outra, comum, umaEh, outraEh]] of casos.entries()) {
    assertEquals(
      [comumAte(uma, outra), comumAte(outra, uma), ehComeco(uma, outra), ehComeco(outra, uma)],
      [comum, comum, umaEh, outraEh],
      `caso ${n}`,
    );
  }
});

Deno.test("foiAlem(): só quem tem uma época depois da última do outro", () => {
  const lider = origem(9, E1);
  assertEquals(foiAlem(origem(2_000_000, E1, E2), lider), true);
  const outras = [lider, origem(9_000_000, X), origem(0), { timestamp: 0, historia: [] }];
  for (const outra of outras) assertEquals(foiAlem(outra, lider), false);
  assertEquals(foiAlem(lider, origem(2_000_000, E1, E2)), false);
});

Deno.test("escolherOrigem(): a mais adiantada da história de que mais servidores são um começo", () => {
  const velho = origem(3, E1);
  const grupo = origem(2_000_000, E1, E2);
  const adiante = origem(2_000_001, E1, E2);
  const alheio = origem(9_000_000, X);
  const vazio = origem(0);
  assertEquals(escolherOrigem([vazio, grupo, adiante]), adiante);
  assertEquals(escolherOrigem([velho, grupo, adiante]), adiante);
  assertEquals(escolherOrigem([alheio, grupo, grupo]), grupo);
  assertEquals(escolherOrigem([grupo, alheio]), grupo, "empatadas, a do líder");
  assertEquals(escolherOrigem([vazio, grupo, alheio]), undefined, "um líder vazio não desempata");
  assertEquals(escolherOrigem([vazio, vazio, vazio]), vazio);
});

Deno.test("uma cópia a meio só é de fiar até onde começou, e não ganha a uma inteira", () => {
  const inteira = origem(2, E1);
  const aMeio = { ...origem(2, E1), desde: 0 };
  const adiante = { ...origem(9, E1), desde: 1 };
  assertEquals([comumAte(aMeio, inteira), ehComeco(aMeio, inteira)], [0, false]);
  assertEquals(ehComeco(inteira, aMeio), false);
  assertEquals(escolherOrigem([origem(0), aMeio, inteira]), inteira);
  assertEquals(escolherOrigem([origem(0), inteira, aMeio]), inteira);
  assertEquals(escolherOrigem([origem(0), adiante, inteira]), inteira);
  // Se só há cópias a meio, antes uma que nada.
  assertEquals(escolherOrigem([origem(0), aMeio]), aMeio);
  assertEquals(escolherOrigem([origem(0), aMeio, adiante]), adiante);
});
