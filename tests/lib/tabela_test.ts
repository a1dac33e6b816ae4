import { assert, assertEquals } from "@std/assert";
import { fazerTabela } from "../../lib/tabela.ts";
import { texto, verificar } from "../apoio/propriedades.ts";

Deno.test("fazerTabela() alinha cada coluna pela sua célula mais larga, e não deixa espaços no fim", () => {
  const linhas = [["10.0.0.1:10097", "7", "em dia"], ["[fd00::1]:1", "1000000"], ["a", "-", ""]];
  assertEquals(fazerTabela(["onde", "ts", "situação"], linhas, ["ts"]), [
    "onde                 ts  situação",
    "10.0.0.1:10097        7  em dia",
    "[fd00::1]:1     1000000",
    "a                     -",
  ]);
  assertEquals(fazerTabela(["só", "títulos"], []), ["só  títulos"]);
});

Deno.test("fazerTabela() mostra o que mandaria no terminal, e conta-o na largura", async () => {
  assertEquals(fazerTabela(["a", "b"], [["\x1b[2J", "x"], ["é😀", "y\nz"]]), [
    "a        b",
    "\\x1b[2J  x",
    "é😀       y\\nz",
  ]);
  await verificar(texto, (qualquer) => {
    const [, linha] = fazerTabela(["a", "b"], [[qualquer, "fim"]]);
    assert(!/[\p{Cc}\u2028\u2029]/u.test(linha!) && linha!.endsWith("  fim"));
  });
});
