/**
 * Este programa, o seu esqueleto e o piso, como sistemas a medir.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { Cliente } from "../cliente.ts";
import { AMBIENTE, argumentosDoServidor, MAPA, portasLivres, RAIZ, V8 } from "../tests/apoio.ts";
import type { Grupo, Sistema } from "./carga.ts";
import { ligarAoEsqueleto } from "./esqueleto.ts";
import { ligarAoPiso } from "./piso.ts";

/** Um processo do Deno com a saída num arquivo, como quem redireciona a console. */
function processo(modulo: string, args: readonly string[], saida: string) {
  const arquivo = openSync(saida, "w");
  const filho = spawn(
    Deno.execPath(),
    ["run", "-q", V8, ...MAPA, "--allow-net", "--allow-read", "--allow-write", modulo, ...args],
    { stdio: ["ignore", arquivo, "inherit"], env: { ...Deno.env.toObject(), ...AMBIENTE } },
  );
  closeSync(arquivo);
  const fim = new Promise((resolver) => filho.on("exit", resolver));
  return {
    pid: filho.pid!,
    matar: () => {
      filho.kill("SIGKILL");
      return fim;
    },
  };
}

/**
 * Três servidores deste programa, com as linhas dos pedidos num arquivo, ou `--silencioso`;
 * `saudes` são as portas de `--saude` de cada um.
 */
export function este(silencioso: boolean, saudes: readonly number[] = []): Sistema {
  return {
    nome: silencioso ? "este --silencioso" : "este",
    falta: () => Promise.resolve(undefined),
    async iniciar(pasta, duravel) {
      const portas = portasLivres(3);
      const modulo = new URL("servidor.ts", RAIZ).href;
      const processos = portas.map((porta, n) => {
        const opcoes = silencioso ? ["--silencioso"] : [];
        if (saudes.length > 0) opcoes.push(`--saude=${saudes[n]}`);
        if (duravel) opcoes.push(`--dados=${pasta}/${n}`);
        const args = argumentosDoServidor(porta, portas[0]!, opcoes);
        const nome = n === 0 ? "líder" : `seguidor ${n}`;
        return { nome, ...processo(modulo, args, `${pasta}/saida${n}.txt`) };
      });
      const enderecos = portas.map((porta) => `127.0.0.1:${porta}`);
      // Sem atender ainda, ou sem todos em dia: o cliente e o líder esperam por isso.
      for (const endereco of enderecos) {
        await using cliente = new Cliente([endereco], { prazo: 30_000 });
        await cliente.put("pronto", "sim");
      }
      return {
        processos,
        ligar(operarios, poucas) {
          const clientes = poucas
            ? [new Cliente(enderecos)]
            : Array.from({ length: operarios }, (_, n) => new Cliente([enderecos[n % 3]!]));
          return Promise.resolve({
            operadores: Array.from({ length: operarios }, (_, n) => clientes[poucas ? 0 : n]!),
            async [Symbol.asyncDispose]() {
              await Promise.all(clientes.map((cliente) => cliente.fechar()));
            },
          });
        },
        async [Symbol.asyncDispose]() {
          await Promise.all(processos.map(({ matar }) => matar()));
        },
      };
    },
  };
}

/** O piso, um processo só. */
export const PISO: Sistema = {
  nome: "piso",
  falta: () => Promise.resolve(undefined),
  async iniciar(pasta): Promise<Grupo> {
    const saida = `${pasta}/piso.txt`;
    const piso = processo(new URL("bench/piso.ts", RAIZ).href, [], saida);
    let porta = 0;
    while (porta === 0) {
      await new Promise((resolver) => setTimeout(resolver, 20));
      porta = Number(Deno.readTextFileSync(saida));
    }
    return {
      processos: [{ nome: "piso", pid: piso.pid }],
      async ligar(operarios, poucas) {
        const quantas = poucas ? 1 : operarios;
        const ligacoes = await Promise.all(
          Array.from({ length: quantas }, () => ligarAoPiso(porta)),
        );
        return {
          operadores: Array.from({ length: operarios }, (_, n) => ligacoes[n % quantas]!),
          [Symbol.asyncDispose]() {
            for (const ligacao of ligacoes) ligacao[Symbol.dispose]();
            return Promise.resolve();
          },
        };
      },
      async [Symbol.asyncDispose]() {
        await piso.matar();
      },
    };
  },
};

/** O esqueleto: três servidores. */
export function esqueleto(silencioso: boolean): Sistema {
  return {
    nome: silencioso ? "esqueleto --silencioso" : "esqueleto",
    falta: () => Promise.resolve(undefined),
    async iniciar(pasta, duravel): Promise<Grupo> {
      const portas = portasLivres(3);
      const modulo = new URL("bench/esqueleto.ts", RAIZ).href;
      const modo = silencioso ? "silencioso" : "falador";
      const processos = portas.map((porta, n) => {
        const args = [`${porta}`, portas.join(), modo, ...duravel ? [`${pasta}/${n}`] : []];
        return { nome: `esqueleto ${n}`, ...processo(modulo, args, `${pasta}/saida${n}.txt`) };
      });
      {
        using operador = await ligarAoEsqueleto(portas);
        await operador.put("pronto", "sim");
      }
      return {
        processos,
        async ligar(operarios, poucas) {
          const ligacoes = await Promise.all(
            poucas
              ? [ligarAoEsqueleto(portas)]
              : Array.from({ length: operarios }, (_, n) => ligarAoEsqueleto([portas[n % 3]!])),
          );
          return {
            operadores: Array.from({ length: operarios }, (_, n) => ligacoes[poucas ? 0 : n]!),
            [Symbol.asyncDispose]() {
              for (const ligacao of ligacoes) ligacao[Symbol.dispose]();
              return Promise.resolve();
            },
          };
        },
        async [Symbol.asyncDispose]() {
          await Promise.all(processos.map(({ matar }) => matar()));
        },
      };
    },
  };
}
