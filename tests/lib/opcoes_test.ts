import { assertEquals, assertThrows } from "@std/assert";
import { inteiroEntre, lerArgumentos, lerOpcao } from "../../lib/opcoes.ts";

const ler = (...args: string[]) =>
  lerArgumentos(args, { textos: ["prazo", "pasta"], sinais: ["claro"] });

Deno.test("lerArgumentos() lê as duas formas de um valor, os sinais, e o que não tem nome", () => {
  assertEquals(ler(), { opcoes: {}, livres: [] });
  assertEquals(ler("--prazo=5", "um", "--pasta", "a b", "--claro", "2"), {
    opcoes: { prazo: "5", pasta: "a b", claro: "sim" },
    livres: ["um", "2"],
  });
  assertEquals(ler("--pasta=a=b").opcoes, { pasta: "a=b" });
  assertEquals(ler("--prazo=1", "--prazo=2").opcoes, { prazo: "2" });
});

Deno.test("lerArgumentos(): depois de -- tudo é argumento, e um número continua a ser texto", () => {
  assertEquals(ler("--", "--prazo=5", "-x", "007", "--claro=1"), {
    opcoes: {},
    livres: ["--prazo=5", "-x", "007", "--claro=1"],
  });
  assertEquals(ler("007", "1e3").livres, ["007", "1e3"]);
});

Deno.test("lerArgumentos(): --help, -h e --version valem --ajuda e --versao", () => {
  for (const arg of ["--ajuda", "--help", "-h"]) assertEquals(ler(arg).opcoes, { ajuda: "sim" });
  for (const arg of ["--versao", "--version"]) assertEquals(ler(arg).opcoes, { versao: "sim" });
});

Deno.test("lerArgumentos() recusa o que não existe, e o valor que falta ou sobra", () => {
  const casos: [string, string][] = [
    ["--prezo=5", 'Opção desconhecida: "--prezo=5"; veja --ajuda'],
    ["-5", 'antes de um valor que começa com "-", ponha "--"'],
    ["--prazo", "A opção --prazo precisa de um valor"],
    ["--prazo=", "A opção --prazo precisa de um valor"],
    ["--claro=não", 'A opção --claro não leva valor: "não"'],
    ["--ajuda=1", 'A opção --ajuda não leva valor: "1"'],
  ];
  for (const [arg, motivo] of casos) assertThrows(() => ler(arg), TypeError, motivo);
});

Deno.test("lerOpcao() lê a que veio, não lê a que não veio, e o erro leva o nome dela", () => {
  const lidos = ler("--prazo=50");
  assertEquals(lerOpcao(lidos, "prazo", inteiroEntre(1, 100)), 50);
  assertEquals(
    lerOpcao(lidos, "pasta", () => assertEquals("não se lê", "o que não veio")),
    undefined,
  );
  const erro = assertThrows(() => lerOpcao(lidos, "prazo", inteiroEntre(1, 49)), TypeError);
  assertEquals(erro.message, '--prazo: deve ser um inteiro de 1 a 49: "50"');
  assertEquals((erro.cause as Error).name, "RangeError");
});

Deno.test("inteiroEntre() aceita os dois limites, e nada além nem que não seja um inteiro", () => {
  const lerInteiro = inteiroEntre(0, 2 ** 40);
  assertEquals([lerInteiro("0"), lerInteiro("007"), lerInteiro(`${2 ** 40}`)], [0, 7, 2 ** 40]);
  for (const texto of ["", "-1", "1.5", "1e3", "0x10", " 1", "abc", `${2 ** 40 + 1}`]) {
    assertThrows(() => lerInteiro(texto), RangeError, `deve ser um inteiro de 0 a ${2 ** 40}`);
  }
  assertThrows(() => inteiroEntre(0, Infinity)("9".repeat(400)), RangeError);
});
